package lab

import (
	"regexp"
	"strconv"
	"strings"
)

// Figures are the switch's own, as ovs-appctl printed them.
type Figures struct {
	Lcores    []Lcore           `json:"lcores"`
	Flows     int               `json:"flows"`
	FlowText  []string          `json:"flow_text"`
	Drops     []Counter         `json:"drops"`
	Texts     map[string]string `json:"texts"` // command -> output
	TextOrder []string          `json:"text_order"`
}

// Lcore is one thread of dpif-netdev/pmd-stats-show.
type Lcore struct {
	Name         string  `json:"name"` // "pmd thread numa_id 0 core_id 1", "main thread"
	CPU          int     `json:"cpu"`  // -1: not pinned
	Packets      uint64  `json:"packets"`
	Recirc       uint64  `json:"recirculations"`
	EMC          uint64  `json:"emc_hits"`
	SMC          uint64  `json:"smc_hits"`
	Megaflow     uint64  `json:"megaflow_hits"`
	Lookups      float64 `json:"subtable_lookups_per_hit"`
	Missed       uint64  `json:"miss_with_success_upcall"`
	Lost         uint64  `json:"miss_with_failed_upcall"`
	Idle         uint64  `json:"idle_cycles"`
	Busy         uint64  `json:"processing_cycles"`
	CyclesPerPkt float64 `json:"processing_cycles_per_packet"`
}

// Counter is a named count.
type Counter struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

var coreID = regexp.MustCompile(`core_id (\d+)`)

// parseLcores reads dpif-netdev/pmd-stats-show: a line per thread without
// indentation, and lines "  name: value" below it (ovs-vswitchd(8)).
func parseLcores(text string) []Lcore {
	var out []Lcore
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "":
		case line[0] != ' ' && line[0] != '\t':
			c := Lcore{Name: strings.TrimSuffix(strings.TrimSpace(line), ":"), CPU: -1}
			if m := coreID.FindStringSubmatch(line); m != nil {
				c.CPU, _ = strconv.Atoi(m[1])
			}
			out = append(out, c)
		case len(out) > 0:
			key, val, _ := strings.Cut(strings.TrimSpace(line), ":")
			out[len(out)-1].set(key, strings.Fields(val))
		}
	}
	return out
}

func (c *Lcore) set(key string, val []string) {
	if len(val) == 0 {
		return
	}
	n, _ := strconv.ParseUint(val[0], 10, 64)
	x, _ := strconv.ParseFloat(val[0], 64)
	switch key {
	case "packets received":
		c.Packets = n
	case "packet recirculations":
		c.Recirc = n
	case "emc hits":
		c.EMC = n
	case "smc hits":
		c.SMC = n
	case "megaflow hits":
		c.Megaflow = n
	case "avg. subtable lookups per megaflow hit":
		c.Lookups = x
	case "miss with success upcall":
		c.Missed = n
	case "miss with failed upcall":
		c.Lost = n
	case "idle cycles":
		c.Idle = n
	case "processing cycles":
		c.Busy = n
	case "avg processing cycles per packet":
		c.CyclesPerPkt = x
	}
}

var coverageLine = regexp.MustCompile(`^(\S+)\s.*total:\s*(\d+)`)

// parseCoverage reads coverage/show: "name  r/sec r/sec r/sec  total: n".
func parseCoverage(text string) []Counter {
	var out []Counter
	for _, line := range strings.Split(text, "\n") {
		if m := coverageLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			n, _ := strconv.ParseUint(m[2], 10, 64)
			out = append(out, Counter{m[1], n})
		}
	}
	return out
}

// Sample is a point of the run's course.
type Sample struct {
	Seconds float64  `json:"seconds"` // after the run's start
	Packets []uint64 `json:"packets"` // per lcore, as pmd-stats-show counts
	Busy    []uint64 `json:"busy_cycles"`
	Idle    []uint64 `json:"idle_cycles"`
}
