package appctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/dptest"
	"github.com/skua/skua/internal/obs"
	"github.com/skua/skua/internal/unixctl"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// datapath is the fake data plane of dptest with figures that tests set.
type datapath struct {
	*dptest.Fake
	lcores  []dp.LcoreStats // nil: the fake's
	rxqs    map[int][]dp.Rxq
	memory  *dp.MemoryStats
	stats   map[dp.PortNo]dp.PortStats
	flowErr error // of FlowPut
}

func (d *datapath) Lcores() []dp.LcoreStats {
	if d.lcores != nil {
		return d.lcores
	}
	return d.Fake.Lcores()
}

func (d *datapath) LcoreRxqs(id int) []dp.Rxq { return d.rxqs[id] }

func (d *datapath) Memory() dp.MemoryStats {
	if d.memory != nil {
		return *d.memory
	}
	return d.Fake.Memory()
}

func (d *datapath) PortStats(no dp.PortNo) (dp.PortStats, error) {
	if s, ok := d.stats[no]; ok {
		return s, nil
	}
	return d.Fake.PortStats(no)
}

func (d *datapath) FlowPut(p []dp.FlowPut) []error {
	if d.flowErr != nil {
		return []error{d.flowErr}
	}
	return d.Fake.FlowPut(p)
}

// ports is a PortManager that adds kernel interfaces, and says no to some names as a
// real one does.
type ports struct {
	dp   dp.Datapath
	last map[string]string
}

func (p *ports) AddIf(name string, opts map[string]string) error {
	p.last = opts
	switch {
	case name == "nosuch":
		return fmt.Errorf("interface %s: %w", name, syscall.ENODEV)
	case opts["type"] == "foo":
		return fmt.Errorf("interface type %q is not known: %w", opts["type"], syscall.EAFNOSUPPORT)
	}
	kinds := map[string]dp.PortKind{
		"": dp.PortKif, "tap": dp.PortTap, "dpdk": dp.PortEthdev, "ring": dp.PortRing,
	}
	_, err := p.dp.PortAdd(dp.PortSpec{Kind: kinds[opts["type"]], No: dp.NoPort, Name: name, Devargs: opts["dpdk-devargs"]})
	return err
}

func (p *ports) DelIf(name string) error {
	info, err := p.dp.PortByName(name)
	if err != nil {
		return err
	}
	return p.dp.PortDel(info.No)
}

type rebalancer struct{ calls int }

func (r *rebalancer) Rebalance() error {
	r.calls++
	return nil
}

// bench is a server with all commands over a fake data plane that has ports v0 (1),
// br0 (2), vxlan_sys_4789 (3) and v1 (4).
type bench struct {
	t     *testing.T
	s     *unixctl.Server
	c     *Commands
	dp    *datapath
	ports *ports
	rxqs  *rebalancer
	exits chan bool
}

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newBench(t *testing.T) *bench {
	t.Helper()
	d := &datapath{Fake: dptest.NewFake(dptest.FakeConfig{}), stats: map[dp.PortNo]dp.PortStats{}}
	for _, spec := range []dp.PortSpec{
		{Kind: dp.PortKif, No: 1, Name: "v0"}, {Kind: dp.PortTap, No: 2, Name: "br0"},
		{Kind: dp.PortTunnel, No: 3, Name: "vxlan_sys_4789", TnlUDPPort: 4789}, {Kind: dp.PortKif, No: 4, Name: "v1"},
	} {
		if _, err := d.PortAdd(spec); err != nil {
			t.Fatal(err)
		}
	}
	rundir := t.TempDir()
	s, err := unixctl.NewServer(unixctl.SocketPath(rundir, "ovs-vswitchd", os.Getpid()), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	log := obs.New(obs.Options{})
	log.Register("bridge", "dpif_netdev")
	b := &bench{t: t, s: s, dp: d, ports: &ports{dp: d}, rxqs: &rebalancer{}, exits: make(chan bool, 1)}
	b.c = Register(s, Deps{
		DP: d, Ports: b.ports, Rxqs: b.rxqs, Log: log, Version: "ovs-vswitchd (Skua) 3.1.0",
		Exit:     func(_ context.Context, cleanup bool) error { b.exits <- cleanup; return nil },
		Isolated: func(lcore int) bool { return lcore == 2 },
		Counters: func() map[string]uint64 { return map[string]uint64{"flow_put": 7} },
		Now:      func() time.Time { return now },
	})
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(context.Background()); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		serving.Wait()
		_ = log.Close()
	})
	return b
}

// run runs a command within the process.
func (b *bench) run(args ...string) (out, errOut string) {
	b.t.Helper()
	out, err := b.s.Run(context.Background(), args[0], args[1:])
	if err != nil {
		errOut = err.Error()
	}
	return out, errOut
}

// must runs a command that has to succeed and returns its text.
func (b *bench) must(args ...string) string {
	b.t.Helper()
	out, errOut := b.run(args...)
	if errOut != "" {
		b.t.Fatalf("%q: %s", args, errOut)
	}
	return out
}

// appctl runs Open vSwitch's own ovs-appctl, which looks for the pidfile in rundir.
func (b *bench) appctl(args ...string) (out, errOut string, code int) {
	b.t.Helper()
	path, err := exec.LookPath("ovs-appctl")
	if err != nil {
		b.t.Skip("ovs-appctl is not installed (Debian package openvswitch-switch)")
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(path, append([]string{"-T", "10"}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "LC_ALL=C", "OVS_RUNDIR="+filepath.Dir(b.s.Path()))
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// lines joins lines of a text.
func lines(l ...string) string { return strings.Join(l, "\n") + "\n" }
