//go:build linux && cgo

package cgo

import (
	"fmt"
	"unsafe"

	"github.com/skua/skua/internal/dp"
)

const (
	putBatch  = 512 // flows per call of fp_flow_put
	readBatch = 256 // flows per call of fp_flow_stats and fp_flow_del
)

// staged is a put on its way through a batch: its place in C's scratch is that in
// the list.
type staged struct {
	at   int // in the caller's list
	ufid dp.UFID
	hash dp.UFID
}

// FlowPut creates or changes flows; each is done whole or not at all. A list is
// written in order. An error of one flow leaves the others alone.
//
// With Narrow the data plane may install more mask than asked for; such a flow's
// UFID, where none was given, is that of what was installed.
func (d *Datapath) FlowPut(puts []dp.FlowPut) []error {
	errs := make([]error, len(puts))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fp == nil {
		for i := range errs {
			errs[i] = fmt.Errorf("put flow: %w", ErrClosed)
		}
		return errs
	}
	var batch [putBatch]staged
	for from := 0; from < len(puts); from += putBatch {
		to := min(from+putBatch, len(puts))
		d.act = d.act[:0]
		n := 0
		for i := from; i < to; i++ {
			s, err := d.stage(&d.put[n], &puts[i])
			if err != nil {
				errs[i] = fmt.Errorf("put flow: %w", err)
				continue
			}
			s.at = i
			batch[n] = s
			n++
		}
		if n > 0 {
			d.commit(batch[:n], puts, errs)
		}
	}
	return errs
}

// stage checks a put and writes it into a record of C's; its actions go into d.act.
func (d *Datapath) stage(raw *rawFlowPut, put *dp.FlowPut) (staged, error) {
	t := d.flows
	p := (*pair)(unsafe.Pointer(&raw.key)) // the mask stands right behind the key
	outside := p.normalise(&put.Key, &put.Mask)
	if outside && !put.Narrow {
		return staged{}, invalid("the key has bits that the mask does not compare")
	}
	s := staged{ufid: put.UFID, hash: t.hash.ufid(p)}
	if put.UFID == (dp.UFID{}) {
		s.ufid = s.hash
	} else if err := t.checkName(put.UFID, s.hash); err != nil {
		return staged{}, err
	}
	from := len(d.act)
	var err error
	if d.act, err = appendActions(d.act, put.Actions); err != nil {
		return staged{}, err
	}
	if outside { // what Narrow may compare beyond the mask
		p[0] = *keyOf(&put.Key)
		clearDerived(&p[0])
	}
	raw.act_ofs, raw.act_len = rawU32(from), rawU32(len(d.act)-from)
	raw.rc = 0
	raw.flags = 0
	switch put.Mode {
	case dp.PutAny:
	case dp.PutCreate:
		raw.flags = putCreate
	case dp.PutModify:
		raw.flags = putModify
	default:
		return staged{}, invalid("put mode %d", put.Mode)
	}
	if put.Narrow {
		raw.flags |= putNarrow
	}
	if put.ZeroStats {
		raw.flags |= putZeroStats
	}
	return s, nil
}

// checkName refuses a UFID that names another flow, and a flow that has another UFID.
func (t *flowTable) checkName(ufid, hash dp.UFID) error {
	have := t.find(hash)
	if have != 0 && t.recs.at(have).ufid != ufid {
		return fmt.Errorf("flow %x %w as %x", ufid, dp.ErrExist, t.recs.at(have).ufid)
	}
	if other, ok := t.names[ufid]; ok && other != have {
		return fmt.Errorf("UFID %x %w for another key and mask", ufid, dp.ErrExist)
	}
	return nil
}

// commit hands staged puts to the data plane and records what it took.
func (d *Datapath) commit(batch []staged, puts []dp.FlowPut, errs []error) {
	raw := d.put[:len(batch)]
	d.err.text[0] = 0
	rc := rawFlowPutN(d.fp, raw, d.act, d.err)
	first := true
	for i := range batch {
		s, r := &batch[i], &raw[i]
		if rc < 0 {
			errs[s.at] = fail("put flow", rc, d.err)
			continue
		}
		if r.rc < 0 {
			e := d.err // its text is the first failure's
			if !first {
				e = nil
			}
			first = false
			errs[s.at] = fail(fmt.Sprintf("put flow %x", s.ufid), int(r.rc), e)
			continue
		}
		flat := d.act[r.act_ofs : r.act_ofs+r.act_len]
		errs[s.at] = d.record(s, r, &puts[s.at], flat)
	}
}

// record notes a flow that the data plane has taken.
func (d *Datapath) record(s *staged, r *rawFlowPut, put *dp.FlowPut, flat []byte) error {
	t := d.flows
	act := t.acts.get(flat, put.Actions)
	if put.Narrow {
		t.installed(s, r, put)
	}
	if at := t.find(s.hash); at != 0 {
		rec := t.recs.at(at)
		t.acts.put(rec.act)
		rec.act = act
		rec.id = uint64(r.id)
		return nil
	}
	if _, taken := t.names[s.ufid]; taken {
		// Two puts of one call gave one UFID to two flows: the second is taken back.
		t.acts.put(act)
		id := r.id
		rawFlowDel(d.fp, []rawU64{id}, nil)
		return fmt.Errorf("put flow: UFID %x %w for another key and mask", s.ufid, dp.ErrExist)
	}
	p := (*pair)(unsafe.Pointer(&r.key))
	p.remask()
	t.insert(s.ufid, s.hash, uint64(r.id), p, act)
	return nil
}

// installed reads back what a narrow put became.
func (t *flowTable) installed(s *staged, r *rawFlowPut, put *dp.FlowPut) {
	p := (*pair)(unsafe.Pointer(&r.key))
	p.remask()
	hash := t.hash.ufid(p)
	if put.UFID == (dp.UFID{}) {
		s.ufid = hash
	}
	s.hash = hash
}

// remask makes p what normalise made of it, after C has written to both halves.
func (p *pair) remask() {
	clearDerived(&p[1])
	for i := range p[0] {
		p[0][i] &= p[1][i]
	}
}

// MakeUFID returns the UFID that a flow with this key and mask gets. It is the same
// for as long as the datapath is open.
func (d *Datapath) MakeUFID(k *dp.Key, m *dp.Mask) dp.UFID {
	var p pair
	p.normalise(k, m)
	return d.flows.hash.ufid(&p)
}

// FlowCount returns the number of flows.
func (d *Datapath) FlowCount() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fp == nil {
		return 0
	}
	return rawFlowCount(d.fp)
}
