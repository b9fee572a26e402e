package appctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/unixctl"
)

func (c *Commands) registerPmd(s *unixctl.Server) {
	s.Register("dpif-netdev/pmd-stats-show", "[-pmd core] [dp]", 0, 3, c.pmdStatsShow)
	s.Register("dpif-netdev/pmd-stats-clear", "[-pmd core] [dp]", 0, 3, c.pmdStatsClear)
	s.Register("dpif-netdev/pmd-rxq-show", "[-pmd core] [-secs secs] [dp]", 0, 5, c.pmdRxqShow)
	if c.Rxqs != nil {
		s.Register("dpif-netdev/pmd-rxq-rebalance", "[dp]", 0, 1, c.pmdRxqRebalance)
	}
}

// pmdArgs are the options of the pmd commands.
type pmdArgs struct {
	core *int // -pmd
	secs int  // -secs
}

func (c *Commands) parsePmd(args []string, takesSecs bool) (*pmdArgs, error) {
	p := &pmdArgs{secs: historySeconds}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "-pmd" || arg == "-secs" && takesSecs {
			if len(args) == 0 {
				return nil, fmt.Errorf("%s needs a number behind it", arg)
			}
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 0 {
				return nil, fmt.Errorf("%s: %q is not a number", arg, args[0])
			}
			args = args[1:]
			if arg == "-pmd" {
				p.core = &n
			} else {
				p.secs = n
			}
			continue
		}
		if !c.isDatapath(arg) || len(args) > 0 {
			return nil, errors.New("please specify an existing datapath")
		}
	}
	return p, nil
}

// lcores returns the lcores that -pmd asks for, by core, the housekeeping lcore
// (the "main thread") last.
func (p *pmdArgs) lcores(all []dp.LcoreStats) []dp.LcoreStats {
	list := slices.Clone(all)
	if p.core != nil {
		list = slices.DeleteFunc(list, func(l dp.LcoreStats) bool { return l.Housekeeping || l.CPU != *p.core })
	}
	slices.SortStableFunc(list, func(a, b dp.LcoreStats) int {
		if a.Housekeeping != b.Housekeeping {
			if a.Housekeeping {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.CPU, b.CPU), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// pmdName is the line over a lcore's figures. A pinned lcore that runs on no NUMA
// socket DPDK knows counts as one of socket 0.
func pmdName(l *dp.LcoreStats) string {
	if l.Housekeeping {
		return "main thread:\n"
	}
	return fmt.Sprintf("pmd thread numa_id %d core_id %d:\n", max(l.Socket, 0), l.CPU)
}

func (c *Commands) pmdStatsShow(_ context.Context, args []string) (string, error) {
	p, err := c.parsePmd(args, false)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, l := range p.lcores(c.base.lcores(c.DP.Lcores())) {
		b.WriteString(pmdName(&l))
		writePmdStats(&b, &l)
	}
	return b.String(), nil
}

// writePmdStats prints a lcore's figures. Skua has neither Open vSwitch's partial
// hardware offload (phwol) nor its miniflow, simple match and signature match
// caches: their lines stay, with what they count here, nothing.
func writePmdStats(b *strings.Builder, l *dp.LcoreStats) {
	fmt.Fprintf(b, "  packets received: %d\n", l.RxPackets)
	fmt.Fprintf(b, "  packet recirculations: %d\n", l.Recirculations)
	fmt.Fprintf(b, "  avg. datapath passes per packet: %.2f\n", ratio(l.RxPackets+l.Recirculations, l.RxPackets))
	b.WriteString("  phwol hits: 0\n  mfex opt hits: 0\n  simple match hits: 0\n")
	fmt.Fprintf(b, "  emc hits: %d\n", l.EMCHits)
	b.WriteString("  smc hits: 0\n")
	fmt.Fprintf(b, "  megaflow hits: %d\n", l.MaskedHits)
	fmt.Fprintf(b, "  avg. subtable lookups per megaflow hit: %.2f\n", ratio(l.MaskedVisits, l.MaskedHits))
	fmt.Fprintf(b, "  miss with success upcall: %d\n", l.UpcallsSent)
	fmt.Fprintf(b, "  miss with failed upcall: %d\n", l.UpcallsLost)
	fmt.Fprintf(b, "  avg. packets per output batch: %.2f\n", ratio(l.TxPackets, l.TxBatches))
	total := l.BusyCycles + l.IdleCycles
	if l.Housekeeping || total == 0 {
		return // it sleeps: cycles say nothing
	}
	fmt.Fprintf(b, "  idle cycles: %d (%.2f%%)\n", l.IdleCycles, 100*ratio(l.IdleCycles, total))
	fmt.Fprintf(b, "  processing cycles: %d (%.2f%%)\n", l.BusyCycles, 100*ratio(l.BusyCycles, total))
	if l.RxPackets == 0 {
		return
	}
	fmt.Fprintf(b, "  avg cycles per packet: %.2f (%d/%d)\n", ratio(total, l.RxPackets), total, l.RxPackets)
	fmt.Fprintf(b, "  avg processing cycles per packet: %.2f (%d/%d)\n",
		ratio(l.BusyCycles, l.RxPackets), l.BusyCycles, l.RxPackets)
}

// ratio returns a/b, 0 where b is 0.
func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func (c *Commands) pmdStatsClear(_ context.Context, args []string) (string, error) {
	p, err := c.parsePmd(args, false)
	if err != nil {
		return "", err
	}
	for _, l := range p.lcores(c.DP.Lcores()) {
		c.base.clear(&l)
	}
	return "", nil
}

// pmdRxqShow is pmd-rxq-show. A lcore measures its cycles, not those of a queue:
// the usage of a queue is known where it is the only one of its lcore.
func (c *Commands) pmdRxqShow(_ context.Context, args []string) (string, error) {
	p, err := c.parsePmd(args, true)
	if err != nil {
		return "", err
	}
	samples := usageSamples(p.secs)
	var b strings.Builder
	names := c.portNames()
	for _, l := range p.lcores(c.DP.Lcores()) {
		if l.Housekeeping {
			continue // as Open vSwitch, which shows poll-mode threads only
		}
		if b.Len() == 0 {
			fmt.Fprintf(&b, "Displaying last %d seconds pmd usage %%\n", samples*int(samplePeriod.Seconds()))
		}
		b.WriteString(pmdName(&l))
		fmt.Fprintf(&b, "  isolated : %t\n", c.Isolated != nil && c.Isolated(l.ID))
		c.writeRxqs(&b, &l, names, samples)
	}
	if b.Len() == 0 && p.core == nil {
		fmt.Fprintf(&b, "Displaying last %d seconds pmd usage %%\n", samples*int(samplePeriod.Seconds()))
	}
	return b.String(), nil
}

func (c *Commands) writeRxqs(b *strings.Builder, l *dp.LcoreStats, names *portNames, samples int) {
	rxqs := c.DP.LcoreRxqs(l.ID)
	slices.SortFunc(rxqs, func(x, y dp.Rxq) int {
		nx, _ := names.PortName(x.Port)
		ny, _ := names.PortName(y.Port)
		return cmp.Or(cmp.Compare(nx, ny), cmp.Compare(x.Queue, y.Queue))
	})
	for _, q := range rxqs {
		name, ok := names.PortName(q.Port)
		if !ok {
			continue // removed since
		}
		usage := "NOT AVAIL"
		if busy, ok := c.history.usage(l, samples); ok && len(rxqs) == 1 {
			usage = fmt.Sprintf("%2d %%", busy)
		}
		fmt.Fprintf(b, "  port: %-16s  queue-id: %2d (enabled)   pmd usage: %s\n", name, q.Queue, usage)
	}
	if len(rxqs) > 0 {
		// What the lcore does beside its queues is part of their cycles here.
		b.WriteString("  overhead: NOT AVAIL\n")
	}
}

func (c *Commands) pmdRxqRebalance(_ context.Context, args []string) (string, error) {
	if len(args) == 1 && !c.isDatapath(args[0]) {
		return "", errors.New("please specify an existing datapath")
	}
	if err := c.Rxqs.Rebalance(); err != nil {
		return "", fmt.Errorf("rebalancing receive queues: %w", err)
	}
	return "pmd rxq rebalance requested.\n", nil
}
