package learn

import (
	"context"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/ofproto/tnl"
)

// Idle timeouts of flows, as Open vSwitch's max-idle, and what it falls to when
// the table is nearly full.
const (
	MaxIdle     = 10 * time.Second
	MaxIdleFull = 100 * time.Millisecond
)

// askBefore is how long before its end a next hop in use is asked for again, so
// that tunnels do not stop while it answers.
const askBefore = 30 * time.Second

// sample is what the sweep reads of a flow.
type sample struct {
	ufid    dp.UFID
	packets uint64
	used    time.Time
	src     macKey
	ip      netip.Addr // neighbour that the flow's packets announce, if valid
	mac     dp.MAC
}

// sweepLoop sweeps flows. A sweep that takes long is followed by a longer pause,
// so that sweeping costs at most a tenth of the time.
func (h *Handler) sweepLoop(ctx context.Context) {
	pause := time.Duration(sweepPeriod)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		start := time.Now()
		h.Sweep()
		pause = max(sweepPeriod, 9*time.Since(start))
	}
}

// Sweep reads the flows' counters once: what was used keeps its sender's address
// and its neighbour alive, what idles is deleted. Then addresses and neighbours
// age. Run calls it; tests may.
func (h *Handler) Sweep() {
	h.mu.Lock()
	h.sweeps++
	h.mu.Unlock()
	h.stats = h.stats[:0]
	err := h.DP.FlowDump(func(e *dp.FlowEntry) bool {
		s := sample{ufid: e.UFID, packets: e.Stats.Packets, used: e.Stats.Used, src: macKey{vlanOf(&e.Key), e.Key.EthSrc}}
		if ip, mac, ok := tnl.Snoop(&e.Key); ok {
			s.ip, s.mac = ip, mac
		}
		h.stats = append(h.stats, s)
		return true
	})
	if err != nil {
		h.Log.Warn("flows could not be read", zap.Error(err))
		return
	}
	for rest := h.stats; len(rest) > 0; {
		n := min(len(rest), 4*deleteChunk)
		h.sweepSome(rest[:n])
		rest = rest[n:]
	}
	h.finishSweep()
	h.Neighbours.Sweep()
}

// sweepSome looks at flows that the datapath has.
func (h *Handler) sweepSome(list []sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	idle := MaxIdle
	if h.full {
		idle = MaxIdleFull
	}
	now := h.Now()
	var del []*flow
	for i := range list {
		s := &list[i]
		f := h.flows[s.ufid]
		if f == nil {
			continue // somebody else's
		}
		f.sweep = h.sweeps
		if s.packets != f.packets {
			f.packets = s.packets
			f.alive = s.used
			if s.used.IsZero() {
				f.alive = now
			}
			h.used(f, s)
			if f.unresolved { // its packets want a neighbour: ask again
				h.enqueue(f)
				h.poke()
			}
			continue
		}
		if now.Sub(f.alive) > idle {
			del = append(del, f)
		}
	}
	h.remove(del)
}

// used keeps alive what a flow's packets told.
func (h *Handler) used(f *flow, s *sample) {
	if f.in == nil || h.byName[f.in.Name] != f.in {
		return
	}
	f.in.br.macs.learn(s.src, f.in, f.alive)
	if f.in.br.local != nil && f.in != f.in.br.local && s.ip.IsValid() {
		h.Neighbours.Set(f.in.br.name, s.ip, s.mac)
	}
}

// finishSweep forgets flows that the datapath no longer has, ages addresses, asks
// for next hops before they age, and looks whether the table is full.
func (h *Handler) finishSweep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.flows {
		if f.sweep != h.sweeps {
			h.untrack(f)
		}
	}
	now := h.Now()
	for _, br := range h.bridges {
		br.macs.expire(now.Add(-MACAging))
	}
	h.refresh()
	for k, src := range h.hops {
		br := h.bridges[k.bridge]
		left, ok := h.Neighbours.Left(k.bridge, k.ip)
		if br != nil && br.local != nil && ok && left < askBefore {
			h.ask(br, k.ip, src)
		}
	}
	if limit := h.DP.Info().MaxFlows; limit > 0 {
		h.full = h.DP.FlowCount() >= limit/10*9
	}
}
