package learn

import (
	"net/netip"
	"time"

	"github.com/skua/skua/internal/dp"
)

// Bounds of waiting for a neighbour.
const (
	HoldTime            = time.Second // how long a packet waits
	AskEvery            = time.Second // how often a neighbour is asked for
	MaxHeld             = 256         // misses that wait, in all
	MaxHeldPerNeighbour = 32
	maxWaiting          = 4096 // neighbours that are asked for
)

// waiting is a neighbour that is asked for, with the misses that wait for it. The
// packets themselves are held by the data plane, in order.
type waiting struct {
	asked time.Time
	held  []heldMiss
}

type heldMiss struct {
	key      dp.Key
	token    dp.UpcallToken
	deadline time.Time
}

// ask sends a request for a neighbour, at most once per AskEvery.
func (h *Handler) ask(br *bridge, target, src netip.Addr) {
	k := hopKey{br.name, target}
	w := h.waiting[k]
	now := h.Now()
	if w == nil {
		if len(h.waiting) >= maxWaiting {
			return
		}
		w = &waiting{}
		h.waiting[k] = w
	}
	if now.Sub(w.asked) >= AskEvery {
		w.asked = now
		h.sendRequest(br, target, src)
	}
}

// hold keeps a miss unanswered until its neighbour is known; it reports whether
// there was room.
func (h *Handler) hold(k *dp.Key, token dp.UpcallToken, r result, now time.Time) bool {
	w := h.waiting[r.hop]
	if w == nil || h.nHeld >= MaxHeld || len(w.held) >= MaxHeldPerNeighbour {
		return false
	}
	w.held = append(w.held, heldMiss{*k, token, now.Add(HoldTime)})
	h.nHeld++
	h.figures.Held++
	return true
}

// release answers the misses whose neighbour is known now and those that have waited
// for too long. The latter get a flow that drops, until something changes.
func (h *Handler) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.Now()
	h.begin()
	for k, w := range h.waiting {
		_, known := h.Neighbours.Lookup(k.bridge, k.ip)
		kept := w.held[:0]
		for _, m := range w.held {
			switch {
			case known:
			case now.Before(m.deadline):
				kept = append(kept, m)
				continue
			default:
				h.figures.HeldDropped++
			}
			h.nHeld--
			h.miss(&m.key, m.token, now, false)
		}
		w.held = kept
		if known || (len(kept) == 0 && now.Sub(w.asked) >= 10*AskEvery) {
			delete(h.waiting, k)
		}
	}
	h.commit()
}
