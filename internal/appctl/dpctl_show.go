package appctl

import (
	"fmt"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// dpctlShow is dpctl/show [-s] [dp...].
func (c *Commands) dpctlShow(o *dpctlOptions, args []string) (string, error) {
	if len(args) == 0 {
		return c.showDatapath(o), nil
	}
	var b strings.Builder
	f := &failure{}
	for _, name := range args {
		if c.isDatapath(name) {
			b.WriteString(c.showDatapath(o))
		} else {
			c.add(f, fmt.Sprintf("opening datapath %s failed (No such device)", name), nil)
		}
	}
	return b.String(), f.err()
}

func (c *Commands) showDatapath(o *dpctlOptions) string {
	var b strings.Builder
	var hit, missed, lost uint64
	for _, l := range c.base.lcores(c.DP.Lcores()) {
		hit += l.EMCHits + l.MaskedHits
		missed += l.Misses
		lost += l.UpcallsLost
	}
	fmt.Fprintf(&b, "%s:\n  lookups: hit:%d missed:%d lost:%d\n  flows: %d\n",
		c.DP.Info().Name, hit, missed, lost, c.DP.FlowCount())
	for _, p := range c.DP.Ports() {
		fmt.Fprintf(&b, "  port %d: %s%s\n", p.No, p.Name, portType(&p))
		if o.statistics {
			c.showPortStats(&b, p.No)
		}
	}
	return b.String()
}

// portType returns what stands in parentheses behind a port's name: its type and
// configuration; a kernel interface (type system) has neither.
func portType(p *dp.PortInfo) string {
	switch p.Kind {
	case dp.PortKif:
		return ""
	case dp.PortTap:
		return " (tap)"
	case dp.PortTunnel:
		return " (vxlan: packet_type=ptap)"
	case dp.PortEthdev:
		return fmt.Sprintf(" (dpdk: configured_rx_queues=%d, configured_tx_queues=%d, mtu=%d)",
			p.RxQueues, p.TxQueues, p.MTU)
	case dp.PortRing:
		return fmt.Sprintf(" (ring: configured_rx_queues=%d, configured_tx_queues=%d)", p.RxQueues, p.TxQueues)
	}
	return fmt.Sprintf(" (unknown kind %d)", p.Kind)
}

// showPortStats prints a port's counters; what the data plane does not count is "?".
func (c *Commands) showPortStats(b *strings.Builder, no dp.PortNo) {
	s, err := c.DP.PortStats(no)
	if err != nil { // removed meanwhile, or a device that does not answer
		fmt.Fprintf(b, "    Could not retrieve stats for port: %v\n", err)
		return
	}
	fmt.Fprintf(b, "    RX packets:%d errors:%d dropped:%d overruns:? frame:?\n", s.RxPackets, s.RxErrors, s.RxDropped)
	fmt.Fprintf(b, "    TX packets:%d errors:%d dropped:%d aborted:? carrier:?\n", s.TxPackets, s.TxErrors, s.TxDropped)
	fmt.Fprintf(b, "    collisions:?\n")
	fmt.Fprintf(b, "    RX bytes:%d%s  TX bytes:%d%s\n", s.RxBytes, humanSize(s.RxBytes), s.TxBytes, humanSize(s.TxBytes))
}

// humanSize returns " (1.5 KiB)" for sizes of a KiB and more.
func humanSize(n uint64) string {
	for _, u := range []struct {
		name string
		size uint64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size {
			return fmt.Sprintf(" (%.1f %s)", float64(n)/float64(u.size), u.name)
		}
	}
	return ""
}
