package appctl

import (
	"context"
	"fmt"
	"strings"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/unixctl"
)

// registerSkua registers what Open vSwitch has no command for.
func (c *Commands) registerSkua(s *unixctl.Server) {
	s.Register("dpif-netdev/drops-show", "[-a] [-pmd core] [dp]", 0, 4, c.dropsShow)
	s.Register("skua/lcores-show", "[-pmd core] [dp]", 0, 3, c.lcoresShow)
	s.Register("skua/masks-show", "", 0, 0, c.masksShow)
}

// dropsShow prints packets dropped since the last pmd-stats-clear by reason, over
// all lcores or one; -a prints reasons that never occurred too.
func (c *Commands) dropsShow(_ context.Context, args []string) (string, error) {
	all := len(args) > 0 && args[0] == "-a"
	if all {
		args = args[1:]
	}
	p, err := c.parsePmd(args, false)
	if err != nil {
		return "", err
	}
	type drop struct {
		name, text string
		packets    uint64
	}
	var drops []*drop // in the data plane's order
	byName := make(map[string]*drop)
	for _, l := range p.lcores(c.base.lcores(c.DP.Lcores())) {
		for _, d := range l.Drops {
			if byName[d.Name] == nil {
				byName[d.Name] = &drop{name: d.Name, text: d.Text}
				drops = append(drops, byName[d.Name])
			}
			byName[d.Name].packets += d.Packets
		}
	}
	var b strings.Builder
	var total uint64
	for _, d := range drops {
		total += d.packets
		if all || d.packets > 0 {
			fmt.Fprintf(&b, "%-20s %12d  %s\n", d.name, d.packets, d.text)
		}
	}
	fmt.Fprintf(&b, "%-20s %12d\n", "total", total)
	return b.String(), nil
}

// lcoresShow prints what pmd-stats-show has no line for.
func (c *Commands) lcoresShow(_ context.Context, args []string) (string, error) {
	p, err := c.parsePmd(args, false)
	if err != nil {
		return "", err
	}
	info := c.DP.Info()
	var b strings.Builder
	fmt.Fprintf(&b, "loop: %s, %s, TSC %d Hz, at most %d flows\n", info.ISA, info.DPDKVersion, c.DP.TSCHz(), info.MaxFlows)
	for _, l := range p.lcores(c.base.lcores(c.DP.Lcores())) {
		b.WriteString(pmdName(&l))
		fmt.Fprintf(&b, "  lcore: %d, receive queues: %d\n", l.ID, len(c.DP.LcoreRxqs(l.ID)))
		fmt.Fprintf(&b, "  turns: %d, sleeps: %d\n", l.Turns, l.Sleeps)
		fmt.Fprintf(&b, "  packets sent: %d\n", l.TxPackets)
		fmt.Fprintf(&b, "  avg. packets per receive batch: %.2f\n", ratio(l.RxPackets, l.RxBatches))
		fmt.Fprintf(&b, "  shortcut pops: %d\n", l.ShortcutPops)
		fmt.Fprintf(&b, "  misses: %d, held packets: %d\n", l.Misses, l.HeldPackets)
		fmt.Fprintf(&b, "  busy cycles: %d, idle cycles: %d, busy cycles per packet: %.1f\n",
			l.BusyCycles, l.IdleCycles, ratio(l.BusyCycles, l.RxPackets))
		writeStages(&b, &l)
	}
	return b.String(), nil
}

// writeStages prints what a packet costs in each stage of the loop. The samples are
// few and their clock runs on while the kernel gives the CPU to another thread.
func writeStages(b *strings.Builder, l *dp.LcoreStats) {
	if l.StagePackets == 0 {
		b.WriteString("  cycles per packet and stage: no burst sampled yet\n")
		return
	}
	b.WriteString("  cycles per packet and stage:")
	for s, cycles := range l.StageCycles {
		fmt.Fprintf(b, " %s %.1f,", dp.Stage(s), ratio(cycles, l.StagePackets))
	}
	fmt.Fprintf(b, " of %d sampled packets\n", l.StagePackets)
}

// masksShow prints the classifier's masks in the order in which packets visit them.
func (c *Commands) masksShow(context.Context, []string) (string, error) {
	var b strings.Builder
	for _, m := range c.DP.Masks() {
		fmt.Fprintf(&b, "mask %d: flows:%d hits:%d\n", m.ID, m.Flows, m.Hits)
	}
	return b.String(), nil
}
