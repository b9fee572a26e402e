package pmd

import (
	"fmt"
	"sort"

	"github.com/skua/skua/internal/dp"
)

// Lcore is what assignment needs to know of a lcore.
type Lcore struct {
	ID           int
	CPU          int // -1: not pinned
	Housekeeping bool
}

// PortQueues is what assignment needs to know of a port.
type PortQueues struct {
	No       dp.PortNo
	Queues   int
	Kernel   bool
	Affinity map[int]int // queue -> cpu
}

// Assignment says which lcore polls which queues, by lcore id.
type Assignment map[int][]dp.Rxq

// Assign spreads queues over lcores. A queue with an affinity goes to the pinned
// lcore of that cpu. Other queues of kernel-facing ports go to the housekeeping
// lcore. Every other queue stays where prev has it, or goes to the pinned lcore with
// the fewest queues (the lowest cpu first), which is round robin for a fresh start.
// Without pinned lcores the housekeeping lcore polls everything.
func Assign(lcores []Lcore, ports []PortQueues, prev Assignment) (Assignment, error) {
	byCPU := map[int]int{}
	var pinned []Lcore
	housekeeping := -1
	for _, l := range lcores {
		if l.Housekeeping {
			housekeeping = l.ID
			continue
		}
		byCPU[l.CPU] = l.ID
		pinned = append(pinned, l)
	}
	sort.Slice(pinned, func(i, j int) bool { return pinned[i].CPU < pinned[j].CPU })
	out := Assignment{}
	for _, l := range lcores {
		out[l.ID] = []dp.Rxq{}
	}
	last := map[dp.Rxq]int{}
	for id, rxqs := range prev {
		for _, q := range rxqs {
			last[q] = id
		}
	}
	var free []dp.Rxq
	for _, p := range ports {
		for q := range p.Affinity {
			if q >= p.Queues {
				return nil, fmt.Errorf("affinity of port %d names queue %d, and it has %d: %w",
					p.No, q, p.Queues, dp.ErrInvalid)
			}
		}
		for q := range p.Queues {
			rxq := dp.Rxq{Port: p.No, Queue: q}
			cpu, isPinned := p.Affinity[q]
			switch {
			case isPinned:
				id, ok := byCPU[cpu]
				if !ok {
					return nil, fmt.Errorf("affinity of port %d, queue %d: no pinned lcore on cpu %d (there are %s): %w",
						p.No, q, cpu, cpuList(pinned), dp.ErrInvalid)
				}
				out[id] = append(out[id], rxq)
			case p.Kernel && housekeeping >= 0:
				out[housekeeping] = append(out[housekeeping], rxq)
			default:
				free = append(free, rxq)
			}
		}
	}
	var fresh []dp.Rxq
	for _, rxq := range free {
		if id, ok := last[rxq]; ok && id != housekeeping && out[id] != nil {
			out[id] = append(out[id], rxq)
		} else {
			fresh = append(fresh, rxq)
		}
	}
	for _, rxq := range fresh {
		id := housekeeping
		for _, l := range pinned {
			if id == housekeeping || len(out[l.ID]) < len(out[id]) {
				id = l.ID
			}
		}
		if id < 0 {
			return nil, fmt.Errorf("no lcore for port %d, queue %d: start one: %w", rxq.Port, rxq.Queue, dp.ErrInvalid)
		}
		out[id] = append(out[id], rxq)
	}
	for id := range out {
		sortRxqs(out[id])
	}
	return out, nil
}

func sortRxqs(rxqs []dp.Rxq) {
	sort.Slice(rxqs, func(i, j int) bool {
		if rxqs[i].Port != rxqs[j].Port {
			return rxqs[i].Port < rxqs[j].Port
		}
		return rxqs[i].Queue < rxqs[j].Queue
	})
}

func cpuList(pinned []Lcore) string {
	if len(pinned) == 0 {
		return "none"
	}
	s := ""
	for i, l := range pinned {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprint(l.CPU)
	}
	return s
}

// step is one change of a lcore's list.
type step struct {
	lcore int
	rxqs  []dp.Rxq
}

// plan returns the steps from one assignment to another such that no queue is ever
// in two lists: first every lcore gives up what it loses, then it takes what is new.
func plan(from, to Assignment) []step {
	var ids []int
	for id := range to {
		ids = append(ids, id)
	}
	sort.Ints(ids)
	var first, second []step
	for _, id := range ids {
		want := map[dp.Rxq]bool{}
		for _, q := range to[id] {
			want[q] = true
		}
		kept := []dp.Rxq{}
		for _, q := range from[id] {
			if want[q] {
				kept = append(kept, q)
			}
		}
		if len(kept) != len(from[id]) {
			first = append(first, step{id, kept})
		}
		if len(kept) != len(to[id]) {
			second = append(second, step{id, to[id]})
		}
	}
	return append(first, second...)
}
