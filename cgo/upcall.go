//go:build linux && cgo

package cgo

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/skua/skua/internal/dp"
)

const (
	upcallBatch = 64      // upcalls per call of fp_upcall_recv
	upcallSnap  = 65535   // packet bytes copied, at most
	upcallBytes = 1 << 20 // room for the packets of a batch
)

// upcallQueue is the receiver's side of upcalls. What is in it is reused for every
// batch: a receive allocates nothing.
type upcallQueue struct {
	event *os.File // becomes readable when upcalls wait; Go's poller waits on it
	count [8]byte
	raw   []rawUpcall // C memory: keys stand on cache lines
	buf   []byte
	out   []dp.Upcall
}

// newUpcallQueue takes a copy of the data plane's eventfd, so that each side closes
// its own.
func newUpcallQueue(fd int) (*upcallQueue, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(own, true); err != nil {
		unix.Close(own)
		return nil, err
	}
	q := &upcallQueue{
		event: os.NewFile(uintptr(own), "upcalls"),
		raw:   rawAlloc[rawUpcall](upcallBatch),
		buf:   make([]byte, upcallBytes),
		out:   make([]dp.Upcall, upcallBatch),
	}
	if q.raw == nil {
		q.event.Close()
		return nil, errors.New("no memory for a batch of upcalls")
	}
	return q, nil
}

// close wakes the receiver up; free comes once no receive can begin.
func (q *upcallQueue) close() { q.event.Close() }

func (q *upcallQueue) free() {
	rawFree(q.raw)
	q.raw = nil
}

// UpcallRecv waits at most wait for upcalls and calls f with those that are there, in
// the order of arrival, at most 64 at once. It returns nil without calling f when
// none came, and ErrClosed once the datapath closes. What f gets is valid until the
// next call. One goroutine at a time.
func (d *Datapath) UpcallRecv(wait time.Duration, f func([]dp.Upcall)) error {
	q := d.upcall
	n, err := d.upcallTake(q)
	if err != nil {
		return err
	}
	if n == 0 && wait > 0 {
		if n, err = d.upcallWait(q, wait); err != nil {
			return err
		}
	}
	if n > 0 {
		f(q.out[:n])
	}
	return nil
}

// upcallWait sleeps until upcalls are there or the time is over. The eventfd is
// cleared before the rings are looked at, so no upcall is slept over.
func (d *Datapath) upcallWait(q *upcallQueue, wait time.Duration) (int, error) {
	deadline := time.Now().Add(wait)
	if err := q.event.SetReadDeadline(deadline); err != nil {
		return 0, recvError(err)
	}
	for {
		_, err := q.event.Read(q.count[:])
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !late {
			return 0, recvError(err)
		}
		n, err := d.upcallTake(q)
		if n > 0 || err != nil || late {
			return n, err
		}
	}
}

func recvError(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return ErrClosed
	}
	return fmt.Errorf("receive upcalls: %w", err)
}

// upcallTake takes what waits now.
func (d *Datapath) upcallTake(q *upcallQueue) (int, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fp == nil {
		return 0, ErrClosed
	}
	n := rawUpcallRecv(d.fp, q.raw, q.buf, upcallSnap)
	if n < 0 {
		return 0, fail("receive upcalls", n, nil)
	}
	for i := range n {
		q.fill(&q.out[i], &q.raw[i])
	}
	return n, nil
}

func (q *upcallQueue) fill(u *dp.Upcall, r *rawUpcall) {
	u.Reason = dp.UpcallReason(r.reason)
	u.Token = dp.UpcallToken{Lcore: uint16(r.lcore), ID: uint64(r.token)}
	u.InPort = dp.PortNo(r.in_port)
	*u.Key.Bytes() = *(*[dp.KeySize]byte)(unsafe.Pointer(&r.key))
	u.PID, u.Hash = uint32(r.pid), uint32(r.hash)
	u.Len = int(r.pkt_len)
	u.Packet = q.buf[r.data_ofs : r.data_ofs+r.cap_len]
	u.Cookie = nil
	if r.cookie_len > 0 {
		u.Cookie = q.buf[r.cookie_ofs : r.cookie_ofs+r.cookie_len]
	}
}

// UpcallAnswer answers misses; every one must be answered once.
func (d *Datapath) UpcallAnswer(verdicts []dp.Verdict) []error {
	errs := make([]error, len(verdicts))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.act = d.act[:0]
	raw := make([]rawVerdict, 0, len(verdicts))
	places := make([]int, 0, len(verdicts))
	for i := range verdicts {
		v := &verdicts[i]
		from := len(d.act)
		if v.Kind < dp.VerdictReinject || v.Kind > dp.VerdictDrop {
			errs[i] = fmt.Errorf("answer upcall: %w", invalid("verdict kind %d", v.Kind))
			continue
		}
		if v.Kind == dp.VerdictExecute {
			var err error
			if d.act, err = appendActions(d.act, v.Actions); err != nil {
				errs[i] = fmt.Errorf("answer upcall: %w", err)
				continue
			}
		}
		raw = append(raw, rawVerdict{
			token: rawU64(v.Token.ID), lcore: rawU16(v.Token.Lcore), kind: rawU16(v.Kind),
			act_ofs: rawU32(from), act_len: rawU32(len(d.act) - from),
		})
		places = append(places, i)
	}
	rc := -int(unix.EBADF)
	if d.fp != nil && len(raw) > 0 {
		rc = rawUpcallAnswer(d.fp, raw, d.act)
	}
	for j, i := range places {
		switch {
		case d.fp == nil:
			errs[i] = fmt.Errorf("answer upcall: %w", ErrClosed)
		case rc < 0:
			errs[i] = fail("answer upcall", rc, nil)
		case raw[j].rc < 0:
			errs[i] = fail("answer upcall", int(raw[j].rc), nil)
		}
	}
	return errs
}
