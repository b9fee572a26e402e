package dptest

import (
	"fmt"
	"time"

	"github.com/skua/skua/internal/dp"
)

// RingInject hands frames to a port as if received and returns how many it took.
func (f *Fake) RingInject(no dp.PortNo, frames [][]byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, m, err := f.port(no)
	if err != nil {
		return 0, err
	}
	if m.Kind == dp.PortTunnel {
		return 0, fmt.Errorf("port %d: a tunnel port takes no frames: %w", no, dp.ErrInvalid)
	}
	for _, fr := range frames {
		p.rx = append(p.rx, append([]byte(nil), fr...))
	}
	f.poll(no)
	return len(frames), nil
}

// RingCollect takes at most max frames that were sent to a port.
func (f *Fake) RingCollect(no dp.PortNo, max int) ([][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, _, err := f.port(no)
	if err != nil {
		return nil, err
	}
	n := min(max, len(p.tx))
	out := p.tx[:n:n]
	p.tx = p.tx[n:]
	return out, nil
}

// Sync returns at once: frames are processed within the calls that bring them in.
func (f *Fake) Sync() error { return nil }

// poll processes what a port received if a lcore polls it; the lock is held.
func (f *Fake) poll(no dp.PortNo) {
	p := f.ports[no]
	if p == nil || !f.polled(no) {
		return
	}
	rx := p.rx
	p.rx = nil
	f.lcore.RxBatches++
	for _, fr := range rx {
		p.stats.RxPackets++
		p.stats.RxBytes += uint64(len(fr))
		f.lcore.RxPackets++
		f.settle(f.model.Receive(no, fr))
	}
}

func (f *Fake) polled(no dp.PortNo) bool {
	for _, list := range f.rxqs {
		for _, q := range list {
			if q.Port == no && q.Queue == 0 {
				return true
			}
		}
	}
	return false
}

// settle carries a result out: frames to ports, drops to counters, upcalls to the
// queue. The lock is held.
func (f *Fake) settle(r *Result) {
	for _, d := range r.Drops {
		f.drops[d]++
	}
	for _, o := range r.Outputs {
		p := f.ports[o.Port]
		if len(p.tx) >= f.cfg.TxQueue {
			f.drops["tx_full"]++
			p.stats.TxDropped++
			continue
		}
		p.tx = append(p.tx, o.Frame)
		p.stats.TxPackets++
		p.stats.TxBytes += uint64(len(o.Frame))
		f.lcore.TxPackets++
	}
	for i := range r.Ups {
		f.upcall(&r.Ups[i])
	}
}

func (f *Fake) upcall(u *Up) {
	f.expire()
	out := dp.Upcall{
		Reason: u.Reason, InPort: u.Key.InPort, Key: u.Key, PID: u.PID, Len: len(u.Packet.Frame),
		Packet: append([]byte(nil), u.Packet.Frame...), Cookie: u.Cookie,
	}
	if u.Reason == dp.UpcallAction {
		if len(f.ups) >= f.cfg.UpcallRing {
			f.drops[DropUpcallLost]++
			f.lcore.UpcallsLost++
			return
		}
		f.queue(out)
		return
	}
	f.lcore.Misses++
	if m := f.byKey[u.Key]; m != nil {
		if len(m.packets) >= f.cfg.HoldPerFlow {
			f.drops["upcall_queue_full"]++
			return
		}
		m.packets = append(m.packets, u.Packet)
		return
	}
	p := f.ports[u.Key.InPort]
	if p != nil && p.waiting >= p.limit || len(f.held) >= f.cfg.UpcallRing {
		name := DropUpcallLost
		if p != nil {
			p.stats.UpcallsLost++
			if p.waiting >= p.limit {
				name = DropUpcallLimit
			}
		}
		f.drops[name]++
		f.lcore.UpcallsLost++
		return
	}
	f.token++
	m := &miss{token: f.token, key: u.Key, packets: []*Packet{u.Packet}, since: time.Now()}
	f.held[m.token], f.byKey[m.key] = m, m
	out.Token = dp.UpcallToken{Lcore: 1, ID: m.token}
	if p != nil {
		p.waiting++
		p.stats.Upcalls++
	}
	f.queue(out)
}

func (f *Fake) queue(u dp.Upcall) {
	f.lcore.UpcallsSent++
	f.ups = append(f.ups, u)
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// expire drops the packets of misses that nobody answered in time.
func (f *Fake) expire() {
	for _, m := range f.held {
		if time.Since(m.since) > f.cfg.UpcallTimeout {
			f.drops["upcall_timeout"] += uint64(len(m.packets))
			f.release(m)
		}
	}
}

func (f *Fake) release(m *miss) {
	delete(f.held, m.token)
	delete(f.byKey, m.key)
	if p := f.ports[m.key.InPort]; p != nil && p.waiting > 0 {
		p.waiting--
	}
}

// UpcallRecv waits at most d for upcalls and hands all that wait to fn. fn may
// call every other method.
func (f *Fake) UpcallRecv(d time.Duration, fn func([]dp.Upcall)) error {
	f.recving.Lock()
	defer f.recving.Unlock()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	for {
		f.mu.Lock()
		f.expire()
		ups := f.ups
		f.ups = nil
		f.mu.Unlock()
		if len(ups) > 0 {
			fn(ups)
			return nil
		}
		select {
		case <-f.wake:
		case <-deadline.C:
			return nil
		}
	}
}

// UpcallAnswer answers misses. A token that is not outstanding is ErrNotFound.
func (f *Fake) UpcallAnswer(vs []dp.Verdict) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	errs := make([]error, len(vs))
	for i, v := range vs {
		errs[i] = f.answer(v)
	}
	return errs
}

func (f *Fake) answer(v dp.Verdict) error {
	m := f.held[v.Token.ID]
	if m == nil || v.Token.Lcore != 1 {
		return fmt.Errorf("upcall %d: no packets wait for it: %w", v.Token.ID, dp.ErrNotFound)
	}
	switch v.Kind {
	case dp.VerdictReinject, dp.VerdictDrop:
	case dp.VerdictExecute:
		if err := CheckActions(v.Actions); err != nil {
			return fmt.Errorf("upcall %d: %w", v.Token.ID, err)
		}
	default:
		return fmt.Errorf("upcall %d: verdict %d: %w", v.Token.ID, v.Kind, dp.ErrInvalid)
	}
	f.release(m)
	for _, p := range m.packets {
		r := &Result{}
		switch v.Kind {
		case dp.VerdictDrop:
			r.drop(DropVerdict)
		case dp.VerdictReinject:
			p.asked = &m.key
			f.model.Classify(p, r)
		case dp.VerdictExecute:
			f.model.Execute(p, v.Actions, r)
		}
		f.settle(r)
	}
	return nil
}

// PacketOut sends packets of Go's own.
func (f *Fake) PacketOut(ps []dp.PacketOut) []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	errs := make([]error, len(ps))
	for i, o := range ps {
		p := &Packet{Frame: append([]byte(nil), o.Packet...), Meta: Meta{InPort: o.InPort, RecircID: o.RecircID}}
		r := &Result{}
		if o.Classify {
			f.model.Classify(p, r)
		} else if errs[i] = CheckActions(o.Actions); errs[i] == nil {
			f.model.Execute(p, o.Actions, r)
		}
		f.settle(r)
	}
	return errs
}
