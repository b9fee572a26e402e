package learn

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
)

// Bounds of how much is done under the lock at a time, so that misses do not wait.
const (
	revalidateChunk = 64
	deleteChunk     = 256
)

func (h *Handler) revalidate(ctx context.Context) {
	tick := time.NewTicker(tickPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-tick.C:
		}
		h.release()
		for h.RevalidateSome() && ctx.Err() == nil {
		}
	}
}

// RevalidateSome translates up to 64 queued flows again and reports whether there
// are more. Run calls it; tests may.
func (h *Handler) RevalidateSome() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refresh()
	if h.doneGen != h.seenGen {
		h.doneGen = h.seenGen
		for _, f := range h.flows {
			if f.underlay {
				h.enqueue(f)
			}
		}
	}
	n := min(len(h.queue), revalidateChunk)
	var del []*flow
	for _, f := range h.queue[:n] {
		f.queued = false
		if !f.gone && !h.again(f) {
			del = append(del, f)
		}
	}
	h.queue = h.queue[n:]
	if len(h.queue) == 0 {
		h.queue = nil
	}
	h.remove(del)
	return len(h.queue) > 0
}

// again translates a flow anew and modifies it if its actions differ. It returns
// false when the flow must go: the decision looks at more than the flow compares, or the datapath
// does not have it any more.
func (h *Handler) again(f *flow) bool {
	h.figures.Revalidated++
	e, err := h.DP.FlowGet(f.ufid)
	if err != nil {
		return false
	}
	var m dp.Mask
	r := h.translate(&e.Key, &m)
	if !within(&m, &e.Mask) {
		return false
	}
	if !sameActions(r.actions, f.actions) {
		put := dp.FlowPut{Flow: dp.Flow{UFID: f.ufid, Key: e.Key, Mask: e.Mask, Actions: r.actions}, Mode: dp.PutModify}
		if err := h.DP.FlowPut([]dp.FlowPut{put})[0]; err != nil {
			return false
		}
		h.figures.Modified++
	}
	fresh := newFlow(f.ufid, r, f.alive)
	fresh.packets, fresh.sweep = f.packets, f.sweep
	h.track(fresh)
	fresh.sweep = f.sweep
	return true
}

// within reports whether every bit of a is in b.
func within(a, b *dp.Mask) bool {
	x, y := a.Bytes(), b.Bytes()
	for i := range x {
		if x[i]&^y[i] != 0 && i != linesOffset {
			return false
		}
	}
	return true
}

// linesOffset is where KeyBase.Lines stands, which no mask compares.
const linesOffset = 6

// remove deletes flows from the datapath.
func (h *Handler) remove(list []*flow) {
	for len(list) > 0 {
		n := min(len(list), deleteChunk)
		ids := make([]dp.UFID, n)
		for i, f := range list[:n] {
			ids[i] = f.ufid
			if h.flows[f.ufid] == f {
				h.untrack(f)
			}
		}
		_, errs := h.DP.FlowDel(ids)
		for _, err := range errs {
			if err == nil {
				h.figures.Deleted++
			} else if !errors.Is(err, dp.ErrNotFound) {
				h.Log.Warn("flow could not be deleted", zap.Error(err))
			}
		}
		list = list[n:]
	}
}
