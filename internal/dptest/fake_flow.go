package dptest

import (
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// FlowPut puts flows, each by itself.
func (f *Fake) FlowPut(puts []dp.FlowPut) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	errs := make([]error, len(puts))
	for i := range puts {
		_, known := f.model.Get(puts[i].UFID)
		if !known && len(f.model.byUFID) >= f.cfg.MaxFlows {
			errs[i] = fmt.Errorf("flow put: %d flows: %w", f.cfg.MaxFlows, dp.ErrFull)
			continue
		}
		errs[i] = f.model.Put(&puts[i])
	}
	return errs
}

// FlowGet returns a flow.
func (f *Fake) FlowGet(u dp.UFID) (dp.FlowEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.model.Get(u); ok {
		return e, nil
	}
	return dp.FlowEntry{}, fmt.Errorf("flow %x: %w", u, dp.ErrNotFound)
}

// FlowDel removes flows and returns their last counts.
func (f *Fake) FlowDel(us []dp.UFID) ([]dp.FlowStats, []error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	stats, errs := make([]dp.FlowStats, len(us)), make([]error, len(us))
	for i, u := range us {
		e, ok := f.model.Del(u)
		if !ok {
			errs[i] = fmt.Errorf("flow %x: %w", u, dp.ErrNotFound)
		}
		stats[i] = e.Stats
	}
	return stats, errs
}

// FlowFlush removes all flows and returns how many they were.
func (f *Fake) FlowFlush() (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.model.byUFID)
	f.model.byUFID, f.model.tables = map[dp.UFID]*flow{}, nil
	return n, nil
}

// FlowDump calls fn with every flow as it was when the dump began.
func (f *Fake) FlowDump(fn func(*dp.FlowEntry) bool) error {
	f.mu.Lock()
	var all []dp.FlowEntry
	for _, t := range f.model.tables {
		for _, fl := range t.flows {
			all = append(all, fl.entry)
		}
	}
	f.mu.Unlock()
	for i := range all {
		if !fn(&all[i]) {
			return nil
		}
	}
	return nil
}

// FlowCount returns the number of flows.
func (f *Fake) FlowCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.model.byUFID)
}

// MakeUFID names a flow by a digest of its key and mask.
func (f *Fake) MakeUFID(k *dp.Key, m *dp.Mask) dp.UFID { return MakeUFID(k, m) }

// Lcores returns the housekeeping lcore, then the packet lcores. All counts are
// lcore 1's.
func (f *Fake) Lcores() []dp.LcoreStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]dp.LcoreStats, len(f.rxqs))
	for i := range out {
		out[i] = dp.LcoreStats{ID: i, CPU: i - 1, Socket: -1, Housekeeping: i == 0}
	}
	s := f.lcore
	s.ID, s.CPU, s.Socket = 1, 0, -1
	s.HeldPackets = 0
	for _, m := range f.held {
		s.HeldPackets += uint64(len(m.packets))
	}
	for _, d := range dropTexts {
		s.Drops = append(s.Drops, dp.DropCount{Name: d.name, Text: d.text, Packets: f.drops[d.name]})
	}
	out[1] = s
	return out
}

// LcoreRxqs returns a lcore's list of receive queues.
func (f *Fake) LcoreRxqs(id int) []dp.Rxq {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id < 0 || id >= len(f.rxqs) {
		return nil
	}
	return append([]dp.Rxq(nil), f.rxqs[id]...)
}

// SetLcoreRxqs replaces a lcore's list; what waits in the queues is processed.
func (f *Fake) SetLcoreRxqs(id int, rxqs []dp.Rxq) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if id < 0 || id >= len(f.rxqs) {
		return fmt.Errorf("lcore %d: %w", id, dp.ErrNotFound)
	}
	for _, q := range rxqs {
		_, m, err := f.port(q.Port)
		if err != nil {
			return fmt.Errorf("lcore %d: %w", id, err)
		}
		if q.Queue < 0 || q.Queue >= m.Spec.RxQueues {
			return fmt.Errorf("lcore %d: port %d has %d receive queues, not %d: %w", id, q.Port, m.Spec.RxQueues, q.Queue, dp.ErrInvalid)
		}
		for other, list := range f.rxqs {
			for _, o := range list {
				if other != id && o == q {
					return fmt.Errorf("lcore %d: port %d queue %d is lcore %d's: %w", id, q.Port, q.Queue, other, dp.ErrExist)
				}
			}
		}
	}
	f.rxqs[id] = append([]dp.Rxq(nil), rxqs...)
	for _, q := range rxqs {
		f.poll(q.Port)
	}
	return nil
}

// Memory counts flows and masks; bytes are those of keys and masks.
func (f *Fake) Memory() dp.MemoryStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := uint64(len(f.model.byUFID))
	return dp.MemoryStats{Flows: n, Masks: uint64(len(f.model.tables)), FlowBytes: 2 * dp.KeySize * n}
}

// Masks lists the masks in the order in which the model visits them.
func (f *Fake) Masks() []dp.MaskInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []dp.MaskInfo
	for i, t := range f.model.tables {
		var hits uint64
		for _, fl := range t.flows {
			hits += fl.entry.Stats.Packets
		}
		out = append(out, dp.MaskInfo{ID: uint32(i), Flows: uint32(len(t.flows)), Hits: hits})
	}
	return out
}

// TSCHz is 1 GHz.
func (f *Fake) TSCHz() uint64 { return 1_000_000_000 }

// Info describes the fake.
func (f *Fake) Info() dp.Info {
	return dp.Info{Name: "netdev@ovs-netdev", ISA: "model", DPDKVersion: "none", MaxFlows: f.cfg.MaxFlows}
}
