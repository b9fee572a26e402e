package learn

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/ofproto/tnl"
)

// Interfaces tells the addresses of kernel interfaces; [tnl.Kernel] does.
type Interfaces interface {
	MAC(dev string) (dp.MAC, bool)
	Addrs(dev string) []netip.Prefix
}

// Deps are what a handler stands on.
type Deps struct {
	DP         dp.Datapath
	Ports      *tnl.Ports
	Routes     *tnl.Routes
	Neighbours *tnl.Neighbours
	Interfaces Interfaces
	Log        *zap.Logger
	Now        func() time.Time // nil: time.Now
}

// Figures count what a handler did.
type Figures struct {
	Upcalls     uint64 // misses answered
	Installed   uint64 // flows put
	PutFailed   uint64 // puts that the datapath refused; the packet was sent without a flow
	Held        uint64 // misses held for a neighbour
	HeldDropped uint64 // of those, dropped since the neighbour did not answer
	Revalidated uint64 // flows translated again
	Modified    uint64 // of those, changed
	Deleted     uint64 // flows deleted, idle or by a change
	ARPSent     uint64 // requests for neighbours
	AnswerLost  uint64 // answers that came too late for the datapath
}

// Handler answers the misses of a datapath for all bridges.
type Handler struct {
	Deps

	wake chan struct{} // something waits for the revalidator
	gen  atomic.Uint64 // of the underlay: neighbours, routes, tunnel ports, addresses

	mu       sync.Mutex
	bridges  map[string]*bridge
	byName   map[string]*port
	byNo     map[dp.PortNo]*port
	flows    map[dp.UFID]*flow
	seenGen  uint64 // of gen, when caches were made
	cache    map[decisionKey]*decision
	nextHops map[macKey]bool       // addresses that tunnels were sent to, for addressChanged
	hops     map[hopKey]netip.Addr // next hops in use and the address to ask from
	queue    []*flow               // to be translated again
	waiting  map[hopKey]*waiting
	nHeld    int
	full     bool     // the datapath's table is nearly full
	sweeps   uint64   // sweeps so far
	doneGen  uint64   // of gen, when underlay flows were queued last
	stats    []sample // reused by the sweep
	figures  Figures

	puts    []dp.FlowPut // reused by the upcall goroutine
	pending []*flow
	answers []dp.Verdict
}

// New returns a handler without bridges.
func New(d Deps) *Handler {
	if d.Now == nil {
		d.Now = time.Now
	}
	return &Handler{Deps: d, wake: make(chan struct{}, 1),
		bridges: map[string]*bridge{}, byName: map[string]*port{}, byNo: map[dp.PortNo]*port{},
		flows: map[dp.UFID]*flow{}, cache: map[decisionKey]*decision{},
		nextHops: map[macKey]bool{}, hops: map[hopKey]netip.Addr{}, waiting: map[hopKey]*waiting{}}
}

// UnderlayChanged tells that a neighbour, a route, a tunnel port or an address has
// changed. It may be called from anywhere, also from below the handler's lock.
func (h *Handler) UnderlayChanged() {
	h.gen.Add(1)
	h.poke()
}

func (h *Handler) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Figures returns the counts so far.
func (h *Handler) Figures() Figures {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.figures
}

// Period of the sweep and of the check for neighbours that do not answer.
const (
	sweepPeriod = 500 * time.Millisecond
	tickPeriod  = 100 * time.Millisecond
	recvWait    = 100 * time.Millisecond
)

// Run answers upcalls until ctx ends, then returns.
func (h *Handler) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, f := range []func(context.Context){h.receive, h.revalidate, h.sweepLoop} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f(ctx)
		}()
	}
	wg.Wait()
}

func (h *Handler) receive(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		err := h.DP.UpcallRecv(recvWait, h.Handle)
		if err == nil {
			failing = false
			continue
		}
		if !failing && ctx.Err() == nil { // once per row of failures
			h.Log.Error("upcalls could not be received", zap.Error(err))
			failing = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(recvWait):
		}
	}
}

// Handle answers a batch of upcalls. Run calls it; tests may.
func (h *Handler) Handle(ups []dp.Upcall) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Now()
	// All senders are learned before anything is decided, so that no decision of
	// the batch is out of date when its flow is put.
	for i := range ups {
		h.observe(&ups[i].Key, now)
	}
	h.begin()
	for i := range ups {
		if ups[i].Reason == dp.UpcallMiss {
			h.miss(&ups[i].Key, ups[i].Token, now, true)
		}
	}
	h.commit()
}

// begin starts a batch.
func (h *Handler) begin() {
	h.refresh()
	h.puts, h.pending, h.answers = h.puts[:0], h.pending[:0], h.answers[:0]
}

// miss decides about one miss and adds what follows to the batch. hold says
// whether it may wait for a neighbour.
func (h *Handler) miss(k *dp.Key, token dp.UpcallToken, now time.Time, hold bool) {
	h.puts = append(h.puts, dp.FlowPut{})
	put := &h.puts[len(h.puts)-1]
	r := h.translate(k, &put.Mask)
	if r.unresolved && hold && len(r.actions) == 0 && h.hold(k, token, r, now) {
		h.puts = h.puts[:len(h.puts)-1]
		return
	}
	h.figures.Upcalls++
	if h.full {
		h.puts = h.puts[:len(h.puts)-1]
		h.answers = append(h.answers, execute(token, r.actions))
		return
	}
	masked := k.Apply(&put.Mask)
	put.UFID = h.DP.MakeUFID(&masked, &put.Mask)
	put.Key = *k
	put.Actions = r.actions
	put.Mode = dp.PutAny
	put.Narrow = true
	h.pending = append(h.pending, newFlow(put.UFID, r, now))
	h.answers = append(h.answers, dp.Verdict{Token: token, Kind: dp.VerdictReinject})
}

func execute(token dp.UpcallToken, a dp.Actions) dp.Verdict {
	if len(a) == 0 {
		return dp.Verdict{Token: token, Kind: dp.VerdictDrop}
	}
	return dp.Verdict{Token: token, Kind: dp.VerdictExecute, Actions: a}
}

// commit puts the batch's flows and answers its misses. While the table is full
// no flow is in the batch; else puts, pending and answers go side by side.
func (h *Handler) commit() {
	if len(h.puts) > 0 {
		for i, err := range h.DP.FlowPut(h.puts) {
			if err == nil {
				h.figures.Installed++
				h.track(h.pending[i])
				continue
			}
			h.figures.PutFailed++
			if errors.Is(err, dp.ErrFull) {
				h.full = true // until the next sweep has made room
			}
			h.answers[i] = execute(h.answers[i].Token, h.puts[i].Actions)
		}
	}
	if len(h.answers) > 0 {
		for _, err := range h.DP.UpcallAnswer(h.answers) {
			if err != nil {
				h.figures.AnswerLost++
			}
		}
	}
}
