//go:build linux && cgo

package cgo

import (
	"hash/maphash"
	"unsafe"

	"github.com/skua/skua/internal/dp"
)

const (
	keyWords  = dp.KeySize / 8
	lineWords = keyWords / 5
	linesByte = 6 // offset of KeyBase.Lines, which is derived and never compared
	slabBits  = 12
	slabSize  = 1 << slabBits
)

type (
	words [keyWords]uint64  // a key or a mask
	line  [lineWords]uint64 // a line of it
	pair  [2]words          // a masked key and its mask, as they are hashed
)

func keyOf(k *dp.Key) *words   { return (*words)(unsafe.Pointer(k)) }
func maskOf(m *dp.Mask) *words { return (*words)(unsafe.Pointer(m)) }

// normalise makes p hold key under mask, with what is derived or nobody's cleared
// (Lines, and the words of line 0 that belong to caches). It reports whether key has
// bits outside of mask.
func (p *pair) normalise(key *dp.Key, mask *dp.Mask) (outside bool) {
	k, m := keyOf(key), maskOf(mask)
	p[1] = *m
	clearDerived(&p[1])
	var extra uint64
	skip := k[0] &^ m[0]
	clearByte(&skip, linesByte)
	extra = skip
	for i := range k {
		p[0][i] = k[i] & p[1][i]
		if i > 1 && i != 7 {
			extra |= k[i] &^ m[i]
		}
	}
	return extra != 0
}

// clearDerived clears what no mask compares: lines, zero0, tun_ep, be_tun_tp_src,
// zero1 (bytes 6 to 15) and priv (the last eight bytes of line 0).
func clearDerived(w *words) {
	b := (*[dp.KeySize]byte)(unsafe.Pointer(w))
	b[linesByte], b[linesByte+1] = 0, 0
	w[1] = 0
	w[lineWords-1] = 0
}

func clearByte(w *uint64, i int) { (*[8]byte)(unsafe.Pointer(w))[i] = 0 }

// hasher makes UFIDs. The seeds are the process's own, so that nobody outside can
// choose packets whose flows share an id.
type hasher struct{ a, b maphash.Seed }

func (h hasher) ufid(p *pair) (u dp.UFID) {
	bytes := (*[2 * dp.KeySize]byte)(unsafe.Pointer(p))[:]
	*(*[2]uint64)(unsafe.Pointer(&u)) = [2]uint64{maphash.Bytes(h.a, bytes), maphash.Bytes(h.b, bytes)}
	return u
}

// flowRec is Go's record of a flow, without pointers. A free record has id 0 and is
// linked by mask.
type flowRec struct {
	ufid  dp.UFID
	id    uint64 // the data plane's
	mask  uint32 // index into masks
	act   uint32 // index into acts
	named bool   // the UFID is the caller's, not that of key and mask
	base  line
	more  [4]uint32 // further lines of the key: index into lines, 0: all zero
}

// flowTable knows every flow by its UFID: key, mask and actions, which the data plane
// does not hand back. Masks and actions are shared by the flows that have them; keys
// keep only lines that hold a bit. All of it is the writer's; readers hold the lock.
type flowTable struct {
	hash  hasher
	names map[dp.UFID]uint32 // UFID -> record
	canon map[dp.UFID]uint32 // hash of key and mask -> record, for named records alone
	recs  slab[flowRec]
	lines slab[line]
	masks maskTable
	acts  actTable
}

func newFlowTable() *flowTable {
	t := &flowTable{
		hash:  hasher{maphash.MakeSeed(), maphash.MakeSeed()},
		names: map[dp.UFID]uint32{},
		canon: map[dp.UFID]uint32{},
	}
	t.masks.index = map[words]uint32{}
	t.acts.index = map[string]uint32{}
	t.recs.alloc() // index 0 is none
	t.lines.alloc()
	return t
}

// find returns the record of the flow whose key and mask hash to h, 0: none.
func (t *flowTable) find(h dp.UFID) uint32 {
	if r, ok := t.names[h]; ok && !t.recs.at(r).named {
		return r
	}
	return t.canon[h]
}

// insert makes a record for a flow that the data plane has taken. h is the hash of p.
func (t *flowTable) insert(ufid, h dp.UFID, id uint64, p *pair, act uint32) {
	i := t.recs.alloc()
	r := t.recs.at(i)
	*r = flowRec{ufid: ufid, id: id, act: act, named: ufid != h}
	r.mask = t.masks.get(&p[1])
	lines := (*[5]line)(unsafe.Pointer(&p[0]))
	r.base = lines[0]
	for n := range r.more {
		if lines[n+1] != (line{}) {
			at := t.lines.alloc()
			*t.lines.at(at) = lines[n+1]
			r.more[n] = at
		}
	}
	t.names[ufid] = i
	if r.named {
		t.canon[h] = i
	}
}

// remove forgets a record.
func (t *flowTable) remove(i uint32) {
	r := t.recs.at(i)
	delete(t.names, r.ufid)
	if r.named {
		var p pair
		t.key(r, &p[0])
		p[1] = *t.masks.at(r.mask)
		delete(t.canon, t.hash.ufid(&p))
	}
	t.masks.put(r.mask)
	t.acts.put(r.act)
	for _, at := range r.more {
		if at != 0 {
			t.lines.free(at)
		}
	}
	*r = flowRec{}
	t.recs.free(i)
}

// key writes a record's masked key.
func (t *flowTable) key(r *flowRec, out *words) {
	lines := (*[5]line)(unsafe.Pointer(out))
	lines[0] = r.base
	for n, at := range r.more {
		lines[n+1] = line{}
		if at != 0 {
			lines[n+1] = *t.lines.at(at)
		}
	}
}

// flow fills out with a record. The actions are shared: nobody may change them.
func (t *flowTable) flow(r *flowRec, out *dp.Flow) {
	out.UFID = r.ufid
	t.key(r, keyOf(&out.Key))
	out.Key.SetLines()
	*maskOf(&out.Mask) = *t.masks.at(r.mask)
	(*dp.Key)(&out.Mask).SetLines()
	out.Actions = t.acts.entries[r.act].value
}

// slab is an array that grows without moving and knows its free elements. Elements
// hold no pointer, so the garbage collector does not look at them.
type slab[T any] struct {
	chunks [][]T
	next   uint32   // first index never used
	spare  []uint32 // freed indices
}

func (s *slab[T]) at(i uint32) *T { return &s.chunks[i>>slabBits][i&(slabSize-1)] }

func (s *slab[T]) alloc() uint32 {
	if n := len(s.spare); n > 0 {
		i := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return i
	}
	if int(s.next>>slabBits) == len(s.chunks) {
		s.chunks = append(s.chunks, make([]T, slabSize))
	}
	s.next++
	return s.next - 1
}

func (s *slab[T]) free(i uint32) { s.spare = append(s.spare, i) }

// interned keeps one copy of equal values and counts who uses it.
type interned[K comparable, V any] struct {
	index   map[K]uint32
	entries []internEntry[K, V]
	spare   []uint32
}

type internEntry[K comparable, V any] struct {
	key   K
	value V
	refs  uint32
}

// add makes an entry with one reference.
func (t *interned[K, V]) add(key K, value V) uint32 {
	e := internEntry[K, V]{key: key, value: value, refs: 1}
	var i uint32
	if n := len(t.spare); n > 0 {
		i = t.spare[n-1]
		t.spare = t.spare[:n-1]
		t.entries[i] = e
	} else {
		i = uint32(len(t.entries))
		t.entries = append(t.entries, e)
	}
	t.index[key] = i
	return i
}

// put gives a reference back.
func (t *interned[K, V]) put(i uint32) {
	e := &t.entries[i]
	if e.refs--; e.refs == 0 {
		delete(t.index, e.key)
		*e = internEntry[K, V]{}
		t.spare = append(t.spare, i)
	}
}

func (t *interned[K, V]) at(i uint32) *K { return &t.entries[i].key }
