//go:build linux && cgo

package modeltest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/skua/skua/cgo"
	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/dptest"
)

// eal is started once: a process has one.
var eal *cgo.EAL

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if eal, err = cgo.StartEAL(cgo.EALConfig{MemMB: 512, FilePrefix: "skua-model-" + strconv.Itoa(os.Getpid())}); err != nil {
		fmt.Fprintln(os.Stderr, "model test: EAL:", err)
		return 1
	}
	code := m.Run()
	if err := eal.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "model test: stop EAL:", err)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "model test:", err)
		code = 1
	}
	return code
}

// isas are the builds of the packet loop and whether this CPU has what they need.
var isas = []struct {
	name string
	has  bool
}{
	{"generic", true},
	{"avx2", cpu.X86.HasAVX2},
	{"avx512", cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL},
}

// cpuOf is the highest CPU that this process may use.
func cpuOf(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for n := 1023; n >= 0; n-- {
		if set.IsSet(n) {
			return n
		}
	}
	return 0
}

// open makes a datapath with one lcore and the scene's ports. It checks at the end
// that no packet buffer was lost.
func open(t *testing.T, cfg cgo.Config) *cgo.Datapath {
	t.Helper()
	cfg.MaxFlows, cfg.EMCEntries, cfg.Mbufs, cfg.Socket, cfg.UpcallTimeout = 4096, 1024, 8192, -1, time.Minute
	d, err := cgo.Open(eal, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if leaked, err := d.Close(); err != nil || leaked != 0 {
			t.Errorf("close: %d packet buffers not given back, %v", leaked, err)
		}
	})
	lcore, err := d.LcoreStart(cpuOf(t), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := dptest.SetUp(d, lcore); err != nil {
		t.Fatal(err)
	}
	return d
}

// shortcuts sums the tunnel headers that were popped in a single pass.
func shortcuts(d *cgo.Datapath) (n uint64) {
	for _, l := range d.Lcores() {
		n += l.ShortcutPops
	}
	return n
}

// TestModel runs the table of packets and drawn scenes on every build of the loop,
// with the short cut on and off: both must do what the model does.
func TestModel(t *testing.T) {
	for _, isa := range isas {
		t.Run(isa.name, func(t *testing.T) {
			if !isa.has {
				t.Skipf("this CPU has no %s", isa.name)
			}
			d := open(t, cgo.Config{ISA: isa.name})
			if got := d.Info().ISA; got != isa.name {
				t.Fatalf("the loop in use is %s", got)
			}
			for _, on := range []bool{true, false} {
				t.Run("shortcut="+strconv.FormatBool(on), func(t *testing.T) { both(t, d, on) })
			}
		})
	}
}

func both(t *testing.T, d *cgo.Datapath, on bool) {
	if err := d.SetShortcut(on); err != nil {
		t.Fatal(err)
	}
	before := shortcuts(d)
	t.Run("cases", func(t *testing.T) {
		for _, c := range dptest.Cases() {
			t.Run(c.Name, func(t *testing.T) { dptest.RunCase(t, d, &c) })
		}
	})
	t.Run("drawn", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			s := dptest.GenScene(t)
			dptest.Compare(t, d, &s)
		})
	})
	t.Run("warm", func(t *testing.T) { warm(t, d) })
	popped := shortcuts(d) - before
	if on && popped == 0 {
		t.Error("the short cut is on and was never taken")
	}
	if !on && popped != 0 {
		t.Errorf("the short cut is off and was taken %d times", popped)
	}
}

// warm runs one stream of VXLAN packets long enough for every cache to be filled,
// sound ones among those that must drop.
func warm(t *testing.T, d *cgo.Datapath) {
	c := dptest.Case{Flows: []dptest.FlowText{
		{Key: "recirc_id(0),in_port(1),eth_type(0x0800),ipv4(proto=17,frag=no),udp(dst=4789)", Actions: "tnl_pop(10)"},
		{Key: "recirc_id(0),tunnel(tun_id=0x457),in_port(10)", Actions: "2"},
	}}
	flows, err := c.Parse()
	if err != nil {
		t.Fatal(err)
	}
	s := dptest.Scene{Flows: flows}
	for i := range 600 {
		inner := dptest.Build(dptest.Eth(dptest.HostA, dptest.HostB, 0x0800), dptest.IP4("10.0.0.1", "10.0.0.2", 17, 0),
			dptest.UDP(uint16(1000+i%8), 2000), dptest.Raw([]byte{byte(i >> 8), byte(i)}))
		vni := uint32(1111)
		if i%16 == 15 {
			vni = 1112 // no flow: an upcall
		}
		f := dptest.Encap(inner, "10.9.0.2", "10.9.0.1", uint16(40000+i%8), vni, 0, i%2 == 0)
		switch i % 25 {
		case 7:
			f[24] ^= 1 // IP checksum
		case 13:
			f[42] = 0 // flag I
		case 19:
			f[49] = 1 // reserved
		}
		s.Frames = append(s.Frames, dptest.In{Port: dptest.PortA, Frame: f})
	}
	dptest.Compare(t, d, &s)
}

// A forced build that the CPU does not have is refused, and nothing is left behind.
func TestForcedISA(t *testing.T) {
	for _, isa := range isas {
		if isa.has {
			continue
		}
		d, err := cgo.Open(eal, cgo.Config{ISA: isa.name, MaxFlows: 1024, Mbufs: 1024, Socket: -1})
		if err == nil {
			_, err = d.Close()
			t.Errorf("%s opened on a CPU without it; close: %v", isa.name, err)
		}
	}
	if _, err := cgo.Open(eal, cgo.Config{ISA: "avx9"}); !errors.Is(err, dp.ErrInvalid) {
		t.Errorf("ISA avx9: %v", err)
	}
}
