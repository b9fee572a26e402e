package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// beDaemon makes this test program be skua itself.
const beDaemon = "SKUA_TEST_BE_SKUA"

func TestMain(m *testing.M) {
	if os.Getenv(beDaemon) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestParseCPUs(t *testing.T) {
	last := runtime.NumCPU() - 1
	for in, want := range map[string][]int{"": nil, "0": {0}, fmt.Sprint("0-", 0): {0}} {
		got, err := parseCPUs(in)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", in, got, err, want)
		}
	}
	if got, err := parseCPUs(fmt.Sprintf("0-%d", last)); last < maxLcores && (err != nil || len(got) != last+1) {
		t.Errorf("all CPUs: %v, %v", got, err)
	}
	for _, bad := range []string{"x", "1-", "-1", "0,0", "0-0,0", "4000", "99999999999999999999", "1-0", ",", "0,"} {
		if got, err := parseCPUs(bad); err == nil {
			t.Errorf("%q is taken as %v", bad, got)
		}
	}
}

type testDaemon struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	out    bytes.Buffer
	errs   bytes.Buffer
	exited chan error
}

func launch(t *testing.T, dir string, args ...string) *testDaemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("ovs-appctl"); err != nil {
		t.Skipf("needs ovs-appctl: %v", err)
	}
	d := &testDaemon{t: t, dir: dir, exited: make(chan error, 1)}
	d.cmd = exec.Command(os.Args[0], append([]string{"vswitchd", "--rundir", dir, "--no-pci", "--no-huge", "--mem", "128", "--mbufs", "4096"}, args...)...)
	d.cmd.Env = append(os.Environ(), beDaemon+"=1")
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.errs
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNET}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.exited <- d.cmd.Wait() }()
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	return d
}

func (d *testDaemon) appctl(args ...string) (string, error) {
	cmd := exec.Command("ovs-appctl", args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+d.dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// ready waits until the daemon answers.
func (d *testDaemon) ready() {
	d.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if out, err := d.appctl("version"); err == nil {
			if !strings.Contains(out, "Skua") {
				d.t.Errorf("version is %q", out)
			}
			return
		}
		select {
		case err := <-d.exited:
			d.t.Fatalf("the daemon ended: %v\n%s", err, d.errs.String())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			d.t.Fatal("the daemon does not answer within 30 s")
		}
	}
}

// ended waits for the daemon's end and checks what it left.
func (d *testDaemon) ended() {
	d.t.Helper()
	select {
	case err := <-d.exited:
		if err != nil {
			d.t.Errorf("the daemon ended with %v\n%s", err, d.errs.String())
		}
	case <-time.After(20 * time.Second):
		d.t.Fatal("the daemon does not end within 20 s")
	}
	if d.out.Len() > 0 || d.errs.Len() > 0 {
		d.t.Errorf("standard output: %q, standard error: %q; want nothing", d.out.String(), d.errs.String())
	}
	for _, pattern := range []string{"*.pid", "*.ctl"} {
		if left, _ := filepath.Glob(filepath.Join(d.dir, pattern)); len(left) > 0 {
			d.t.Errorf("the daemon left %v", left)
		}
	}
}

func TestDaemonLife(t *testing.T) {
	for _, how := range []string{"exit", "exit --cleanup", "SIGTERM", "SIGINT"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			d := launch(t, dir, "--log-file", filepath.Join(dir, "log"))
			d.ready()
			for _, args := range [][]string{
				{"dpctl/add-if", "netdev@ovs-netdev", "br0,type=internal"},
				{"dpctl/add-if", "netdev@ovs-netdev", "t0,type=tap"},
				{"dpctl/add-if", "netdev@ovs-netdev", "vx0,type=vxlan,remote_ip=10.0.0.2,key=7"},
				{"learn/bridge-add", "br0", "br0", "t0", "vx0"},
				{"dpctl/show"}, {"dpctl/dump-flows"}, {"learn/show"}, {"fdb/show", "br0"}, {"tnl/ports/show", "-v"},
				{"dpif-netdev/pmd-rxq-show"}, {"memory/show"}, {"coverage/show"}, {"vlog/list"},
			} {
				if out, err := d.appctl(args...); err != nil {
					t.Errorf("%v: %v\n%s", args, err, out)
				}
			}
			switch how {
			case "SIGTERM":
				_ = d.cmd.Process.Signal(syscall.SIGTERM)
			case "SIGINT":
				_ = d.cmd.Process.Signal(syscall.SIGINT)
			default:
				if out, err := d.appctl(strings.Fields(how)...); err != nil {
					t.Errorf("%s: %v\n%s", how, err, out)
				}
			}
			d.ended()
			log, err := os.ReadFile(filepath.Join(dir, "log"))
			if err != nil || !strings.Contains(string(log), "|vswitchd|INFO|ready") || strings.Contains(string(log), "|ERR|") {
				t.Errorf("log (%v):\n%s", err, log)
			}
		})
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	dir := t.TempDir()
	d := launch(t, dir)
	d.ready()
	second := launch(t, dir)
	select {
	case err := <-second.exited:
		if err == nil || !strings.Contains(second.errs.String(), fmt.Sprint("pid ", d.cmd.Process.Pid)) {
			t.Errorf("second daemon: %v, %q; want a refusal that names pid %d", err, second.errs.String(), d.cmd.Process.Pid)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a second daemon runs beside the first")
	}
	if out, err := d.appctl("version"); err != nil {
		t.Errorf("the first daemon does not answer any more: %v\n%s", err, out)
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	d.ended()
}

// A start that fails names what is wrong and leaves nothing behind.
func TestFailedStart(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"--lcores 4000", "--lcores"},
		{"--isa abacus", "abacus"},
		{"-v nonsense:nonsense:nonsense", "nonsense"},
		{"--log-file /nonexistent/folder/log", "/nonexistent/folder/log"},
		{"surplus", "surplus"},
	} {
		dir := t.TempDir()
		d := launch(t, dir, strings.Fields(tc.args)...)
		select {
		case err := <-d.exited:
			if err == nil || !strings.Contains(d.errs.String(), tc.want) {
				t.Errorf("%s: %v, %q; want an error with %q", tc.args, err, d.errs.String(), tc.want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the daemon runs", tc.args)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("%s: left %v", tc.args, left)
		}
	}
}
