//go:build linux && cgo

package cgo

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/skua/skua/internal/dp"
)

// Config says how large a datapath is made. Zero values take the defaults of
// struct fp_config in fastpath/include/fp.h.
type Config struct {
	MaxFlows      int           // rounded up to a power of two; 0: 1048576
	EMCEntries    int           // exact-match entries per lcore; 0: 65536
	Mbufs         int           // packet buffers per NUMA socket; 0: 32768
	MbufRoom      int           // data bytes per packet buffer; 0: 2048
	MaxMasks      int           // masks that a packet can be made to visit; 0: 64
	UpcallRing    int           // upcalls outstanding per lcore; 0: 2048
	UpcallTimeout time.Duration // whole milliseconds; 0: 5 s
	Socket        int           // NUMA socket of the first packet buffers; -1: any
	NoShortcut    bool          // single-pass tunnel termination off
	ISA           string        // "", "generic", "avx2", "avx512": force a build of the loop
}

// Datapath is the data plane as dp.Datapath. Its methods are safe for use by several
// goroutines, but UpcallRecv, which one goroutine calls at a time.
type Datapath struct {
	cfg  Config
	name string

	// Held for writing around what the data plane serialises, for reading around what
	// it lets run beside.
	mu     sync.RWMutex
	fp     *rawFP // nil: closed
	flows  *flowTable
	put    []rawFlowPut // scratch of FlowPut, C memory
	act    []byte       // scratch for flat actions
	err    *rawErr      // scratch, under the writer's lock; alone, as C may not see Go pointers
	rxqs   map[int][]dp.Rxq
	drops  []dp.DropCount // names and texts, no counts
	hz     uint64
	upcall *upcallQueue

	collecting sync.Mutex // taken before mu
	collected  []byte     // scratch of RingCollect, under collecting; made at its first call
}

// Open makes a datapath without ports and lcores. EAL must be running; one datapath
// per process.
func Open(eal *EAL, cfg Config) (*Datapath, error) {
	if eal == nil {
		return nil, invalid("no EAL: StartEAL comes first")
	}
	raw, err := cfg.raw()
	if err != nil {
		return nil, err
	}
	d := &Datapath{err: new(rawErr), cfg: cfg, name: "netdev@ovs-netdev", rxqs: map[int][]dp.Rxq{}, drops: dropReasons(), hz: rawTSCHz()}
	if d.put = rawAlloc[rawFlowPut](putBatch); d.put == nil {
		return nil, fmt.Errorf("open datapath: no memory for a batch of %d flows", putBatch)
	}
	d.flows = newFlowTable()
	var fp *rawFP
	if rc := rawOpen(&raw, &fp, d.err); rc < 0 {
		rawFree(d.put)
		return nil, fail("open datapath", rc, d.err)
	}
	d.fp = fp
	if d.upcall, err = newUpcallQueue(rawUpcallFD(d.fp)); err != nil {
		rawClose(d.fp)
		rawFree(d.put)
		return nil, fmt.Errorf("open datapath: upcall descriptor: %w", err)
	}
	return d, nil
}

// raw checks the configuration's ranges and turns it into C's.
func (cfg Config) raw() (rawConfig, error) {
	var r rawConfig
	sizes := []struct {
		name string
		v    int
		to   *rawU32
	}{
		{"MaxFlows", cfg.MaxFlows, &r.max_flows},
		{"EMCEntries", cfg.EMCEntries, &r.emc_entries},
		{"Mbufs", cfg.Mbufs, &r.n_mbufs},
		{"MbufRoom", cfg.MbufRoom, &r.mbuf_room},
		{"MaxMasks", cfg.MaxMasks, &r.max_masks},
		{"UpcallRing", cfg.UpcallRing, &r.upcall_ring},
		{"UpcallTimeout (ms)", int(cfg.UpcallTimeout / time.Millisecond), &r.upcall_timeout_ms},
	}
	for _, s := range sizes {
		if s.v < 0 || s.v > math.MaxInt32 {
			return r, invalid("datapath's %s of %d", s.name, s.v)
		}
		*s.to = rawU32(s.v)
	}
	r.socket = rawInt(cfg.Socket)
	r.no_shortcut = cBool(cfg.NoShortcut)
	switch cfg.ISA {
	case "", "generic", "avx2", "avx512":
		setCString(r.isa[:], cfg.ISA)
	default:
		return r, invalid("ISA %q: expected generic, avx2, avx512 or nothing", cfg.ISA)
	}
	return r, nil
}

// Close stops lcores, closes ports and frees all. leaked is the number of packet
// buffers that were not given back, 0 when all is well. A second Close does nothing.
func (d *Datapath) Close() (leaked int, err error) {
	d.upcall.close()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fp == nil {
		return 0, nil
	}
	rc := rawClose(d.fp)
	d.fp = nil
	rawFree(d.put)
	d.put = nil
	d.upcall.free()
	if rc < 0 {
		return 0, fail("close datapath", rc, nil)
	}
	return rc, nil
}

// Info returns what the data plane is.
func (d *Datapath) Info() dp.Info {
	d.mu.RLock()
	defer d.mu.RUnlock()
	in := dp.Info{Name: d.name, DPDKVersion: DPDKVersion(), MaxFlows: d.maxFlows()}
	if d.fp != nil {
		in.ISA = rawISA(d.fp)
	}
	return in
}

// maxFlows is the limit that C makes of the configuration's.
func (d *Datapath) maxFlows() int {
	n := d.cfg.MaxFlows
	if n == 0 {
		return 1 << 20
	}
	size := 1
	for size < n {
		size <<= 1
	}
	return size
}

// TSCHz returns the frequency of the clock that counts cycles.
func (d *Datapath) TSCHz() uint64 { return d.hz }

// SetShortcut turns single-pass tunnel termination on or off while traffic passes.
func (d *Datapath) SetShortcut(on bool) error {
	return d.write("set the tunnel short cut", func() int { return rawSetShortcut(d.fp, cBool(on)) })
}

// Sync returns once every lcore has gone through a whole turn of its loop.
func (d *Datapath) Sync() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.fp == nil {
		return ErrClosed
	}
	if rc := rawSync(d.fp); rc < 0 {
		return fail("wait for the lcores", rc, nil)
	}
	return nil
}

// write runs f as the one writer; f returns 0 or -errno and may fill d.err.
func (d *Datapath) write(op string, f func() int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fp == nil {
		return fmt.Errorf("%s: %w", op, ErrClosed)
	}
	d.err.text[0] = 0
	if rc := f(); rc < 0 {
		return fail(op, rc, d.err)
	}
	return nil
}

// Datapath is what the control plane asks of a data plane.
var _ dp.Datapath = (*Datapath)(nil)
