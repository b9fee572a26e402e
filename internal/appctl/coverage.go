package appctl

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/skua/skua/internal/unixctl"
)

func (c *Commands) registerCoverage(s *unixctl.Server) {
	s.Register("coverage/show", "", 0, 0, c.coverageShow)
	s.Register("coverage/read-counter", "COUNTER", 1, 1, c.coverageRead)
}

// counters returns the totals of all counters: those of the lcores, one for each
// drop reason (drop_NAME), and those of Deps.Counters.
func (c *Commands) counters() map[string]uint64 {
	out := map[string]uint64{"mbuf_alloc_failed": c.DP.Memory().MbufAllocFailed}
	for _, l := range c.DP.Lcores() {
		for name, v := range map[string]uint64{
			"lcore_rx_packets": l.RxPackets, "lcore_tx_packets": l.TxPackets, "lcore_emc_hit": l.EMCHits,
			"lcore_masked_hit": l.MaskedHits, "lcore_miss": l.Misses, "lcore_upcall": l.UpcallsSent,
			"lcore_upcall_lost": l.UpcallsLost, "lcore_recirc": l.Recirculations,
			"lcore_shortcut_pop": l.ShortcutPops, "lcore_sleep": l.Sleeps,
		} {
			out[name] += v
		}
		for _, d := range l.Drops {
			out["drop_"+d.Name] += d.Packets
		}
	}
	if c.Counters != nil {
		for name, v := range c.Counters() {
			out[name] += v
		}
	}
	return out
}

func (c *Commands) coverageShow(context.Context, []string) (string, error) {
	counters := c.counters()
	var hit []string
	for name, v := range counters {
		if v > 0 {
			hit = append(hit, name)
		}
	}
	slices.Sort(hit)
	// The hash tells two sets of events apart.
	hash := fnv.New32a()
	for _, name := range hit {
		_, _ = hash.Write([]byte(name + "\x00"))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash=%08x:\n", hash.Sum32())
	for _, name := range hit {
		fmt.Fprintf(&b, "%-24s %5.1f/sec %9.3f/sec %13.4f/sec   total: %d\n", name,
			c.history.rate(name, samplePeriod), c.history.rate(name, time.Minute),
			c.history.rate(name, time.Hour), counters[name])
	}
	fmt.Fprintf(&b, "%d events never hit\n", len(counters)-len(hit))
	return b.String(), nil
}

func (c *Commands) coverageRead(_ context.Context, args []string) (string, error) {
	v, ok := c.counters()[args[0]]
	if !ok {
		//lint:ignore ST1005 Open vSwitch's text
		return "", errors.New("No such counter")
	}
	return fmt.Sprintf("%d\n", v), nil
}
