package learn

import (
	"time"

	"github.com/skua/skua/internal/dp"
)

// flow is what the handler remembers of a flow that it put; key and mask are the
// datapath's.
type flow struct {
	ufid       dp.UFID
	actions    dp.Actions
	in         *port // nil: of no bridge
	dep        macKey
	depends    bool // dep was looked up in in.br
	underlay   bool // the decision looked at tunnel ports, routes, neighbours or local addresses
	unresolved bool // a next hop was not known
	queued     bool // in Handler.queue
	gone       bool // deleted while it was queued

	packets uint64
	alive   time.Time // last use, or when it was put
	sweep   uint64    // the last sweep that saw it

	prev, next *flow // of the flows with the same dep
}

func newFlow(ufid dp.UFID, r result, now time.Time) *flow {
	return &flow{ufid: ufid, actions: r.actions, in: r.in, dep: r.dep, depends: r.depends,
		underlay: r.underlay, unresolved: r.unresolved, alive: now}
}

// track remembers a flow, in place of one of the same id.
func (h *Handler) track(f *flow) {
	if old := h.flows[f.ufid]; old != nil {
		f.packets = old.packets
		h.untrack(old)
	}
	f.sweep = h.sweeps
	h.flows[f.ufid] = f
	if f.depends {
		br := f.in.br
		head := br.deps[f.dep]
		f.next = head
		if head != nil {
			head.prev = f
		}
		br.deps[f.dep] = f
	}
}

func (h *Handler) untrack(f *flow) {
	delete(h.flows, f.ufid)
	f.gone = true
	if !f.depends {
		return
	}
	if f.next != nil {
		f.next.prev = f.prev
	}
	switch {
	case f.prev != nil:
		f.prev.next = f.next
	case f.next != nil:
		f.in.br.deps[f.dep] = f.next
	default:
		delete(f.in.br.deps, f.dep)
	}
	f.prev, f.next = nil, nil
}

func (h *Handler) enqueue(f *flow) {
	if !f.queued {
		f.queued = true
		h.queue = append(h.queue, f)
	}
}

// addressChanged queues the flows that looked an address up. When tunnels are sent
// to that address, every flow that looked at the underlay is queued too.
func (h *Handler) addressChanged(br *bridge, k macKey) {
	for f := br.deps[k]; f != nil; f = f.next {
		h.enqueue(f)
	}
	if br.local != nil && h.nextHops[k] {
		h.gen.Add(1)
	}
	h.poke()
}

// reconfigured queues every flow: bridges or their ports have changed.
func (h *Handler) reconfigured() {
	clear(h.cache)
	h.seenGen = 0
	h.gen.Add(1)
	for _, f := range h.flows {
		h.enqueue(f)
	}
	h.poke()
}

// sameActions compares two lists of the actions that this package makes.
func sameActions(a, b dp.Actions) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		switch x := a[i].(type) {
		case dp.Output:
			if y, ok := b[i].(dp.Output); !ok || x != y {
				return false
			}
		case dp.TnlPop:
			if y, ok := b[i].(dp.TnlPop); !ok || x != y {
				return false
			}
		case dp.TnlPush:
			y, ok := b[i].(dp.TnlPush)
			if !ok || x.TnlPort != y.TnlPort || x.OutPort != y.OutPort || x.Type != y.Type ||
				string(x.Header) != string(y.Header) {
				return false
			}
		case dp.Clone:
			if y, ok := b[i].(dp.Clone); !ok || !sameActions(x.Actions, y.Actions) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
