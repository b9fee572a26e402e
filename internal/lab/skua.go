package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// skuaSwitch is skua vswitchd as a child process in its own namespace, driven by
// the stock ovs-appctl through its own OVS_RUNDIR.
type skuaSwitch struct {
	l       *lab
	cmd     *exec.Cmd
	id      procID
	done    chan struct{} // closed when the daemon has ended and exit is set
	exit    error
	stopped bool
}

// startWait is how long the daemon may take until it answers; EAL clears its memory
// first.
const startWait = 30 * time.Second

// maxFlows is the daemon's flow table: small, so that the lab does with little memory.
const maxFlows = 65536

func (s *skuaSwitch) rundir() string  { return stateDir(s.l.st.ID) }
func (s *skuaSwitch) logFile() string { return filepath.Join(s.rundir(), "ovs-vswitchd.log") }
func (s *skuaSwitch) outFile() string { return filepath.Join(s.rundir(), "vswitchd.out") }

// args is the daemon's command line.
func (s *skuaSwitch) args() []string {
	o := &s.l.opts
	args := s.l.topo.in(hostSW, o.Skua, "vswitchd", "--no-pci", "--rundir", s.rundir(), "--log-file", s.logFile(),
		"--lcores", strconv.Itoa(o.CPU), "--mem", strconv.Itoa(o.MemMB), "--file-prefix", filePrefix(s.l.st.ID),
		"--max-flows", strconv.Itoa(maxFlows))
	if o.NoHuge {
		args = append(args, "--no-huge")
	}
	return append(args, o.Extra...)
}

func (s *skuaSwitch) start(ctx context.Context) (string, error) {
	args := s.args()
	s.l.sh.record(quote(args) + " &")
	out, err := os.OpenFile(s.outFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	defer out.Close()
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = out, out // a file: a daemon that is kept outlives the lab's pipes
	s.cmd.Env = append(os.Environ(), "LC_ALL=C", "OVS_RUNDIR="+s.rundir(), "OVS_LOGDIR="+s.rundir(), "OVS_DBDIR="+s.rundir(),
		"TMPDIR="+s.rundir())
	if err := s.l.sh.spawn.start(s.cmd, !s.l.opts.Keep); err != nil {
		s.cmd = nil
		return "", fmt.Errorf("start %s: %w", args[0], err)
	}
	s.done = make(chan struct{})
	go func() {
		s.exit = s.cmd.Wait()
		close(s.done)
	}()
	if s.id, err = identify(s.cmd.Process.Pid); err != nil {
		return "", fmt.Errorf("daemon: %w", err)
	}
	s.l.st.Daemon = s.id
	if err := s.l.st.save(); err != nil {
		return "", err
	}
	return s.ready(ctx)
}

// ready waits until the daemon answers ovs-appctl.
func (s *skuaSwitch) ready(ctx context.Context) (string, error) {
	deadline := time.Now().Add(startWait)
	for {
		out, err := s.l.sh.quiet(ctx, s.appctl("version")...)
		if err == nil {
			return strings.TrimSpace(out), nil
		}
		select {
		case <-s.done:
			return "", fmt.Errorf("the daemon ended while it started (%v):\n%s", s.exitText(), s.tail(12))
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("the daemon does not answer after %v: %w\n%s", startWait, err, s.tail(12))
		}
	}
}

// appctl returns the command line of an ovs-appctl call: the stock program finds
// the daemon by OVS_RUNDIR.
func (s *skuaSwitch) appctl(args ...string) []string {
	return append([]string{"env", "OVS_RUNDIR=" + s.rundir(), "ovs-appctl"}, args...)
}

// call runs ovs-appctl.
func (s *skuaSwitch) call(ctx context.Context, args ...string) (string, error) {
	out, err := s.l.sh.run(ctx, s.appctl(args...)...)
	if err != nil {
		select {
		case <-s.done:
			return out, fmt.Errorf("the daemon has ended (%v): %w\n%s", s.exitText(), err, s.tail(12))
		default:
		}
	}
	return out, err
}

func (s *skuaSwitch) connect(ctx context.Context) (string, error) {
	const dp = "netdev@ovs-netdev"
	pin := fmt.Sprintf(",pmd-rxq-affinity=0:%d", s.l.opts.CPU)
	calls := [][]string{{"dpctl/add-if", dp, portWire + pin}, {"dpctl/add-if", dp, portLocal + ",type=internal"}}
	if err := s.calls(ctx, calls); err != nil {
		return "", err
	}
	if err := s.l.localAddrs(ctx); err != nil {
		return "", err
	}
	calls = [][]string{{"learn/bridge-add", portLocal, portWire, portLocal}}
	for _, g := range Segments() {
		local, remote := local4, remote4
		if g.IPv6 {
			local, remote = local6, remote6
		}
		calls = append(calls,
			[]string{"dpctl/add-if", dp, g.Port + pin},
			[]string{"dpctl/add-if", dp, fmt.Sprintf("%s,type=vxlan,remote_ip=%s,local_ip=%s,key=%d,dst_port=%d",
				g.Tnl, remote, local, g.VNI, vxlanPort)},
			[]string{"learn/bridge-add", "br-" + g.Name, g.Port, g.Tnl})
	}
	if err := s.calls(ctx, calls); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d ports and tunnels, %d bridges", 2+2*len(Segments()), 1+len(Segments())), nil
}

func (s *skuaSwitch) calls(ctx context.Context, calls [][]string) error {
	for _, c := range calls {
		if _, err := s.call(ctx, c...); err != nil {
			return err
		}
	}
	return nil
}

// stop asks the daemon to end, and looks for what it should have taken along.
func (s *skuaSwitch) stop(ctx context.Context) (string, error) {
	began := time.Now()
	if _, err := s.call(ctx, "exit", "--cleanup"); err != nil {
		return "", err
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-time.After(10 * time.Second):
		return "", fmt.Errorf("the daemon still runs 10 s after exit --cleanup\n%s", s.tail(12))
	}
	s.stopped = true
	took := time.Since(began)
	var errs []error
	if s.exit != nil {
		errs = append(errs, fmt.Errorf("the daemon ended with %v\n%s", s.exitText(), s.tail(12)))
	}
	for _, pattern := range []string{"*.ctl", "*.pid", "*.mgmt", "*.snoop"} {
		if left, _ := filepath.Glob(filepath.Join(s.rundir(), pattern)); len(left) > 0 {
			errs = append(errs, fmt.Errorf("the daemon left %v", left))
		}
	}
	if left := dpdkFiles(s.l.st.ID); len(left) > 0 {
		errs = append(errs, fmt.Errorf("the daemon left %v", left))
	}
	links, err := s.l.sh.run(ctx, "ip", "-n", s.l.topo.ns(hostSW), "-o", "link", "show")
	if err == nil && strings.Contains(links, " "+portLocal+":") {
		err = fmt.Errorf("the daemon left the tap %s", portLocal)
	}
	return fmt.Sprintf("ended in %.1f s; sockets, tap and pages gone", took.Seconds()), errors.Join(append(errs, err)...)
}

func (s *skuaSwitch) exitText() string {
	if s.exit == nil {
		return "exit status 0"
	}
	return s.exit.Error()
}

// kill ends the daemon: SIGTERM first, so that it gives its pages back itself.
func (s *skuaSwitch) kill() {
	if s.cmd == nil {
		return
	}
	select {
	case <-s.done:
		return
	default:
	}
	_ = syscall.Kill(s.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-s.done:
		return
	case <-time.After(3 * time.Second):
	case <-s.l.opts.Force:
	}
	_ = syscall.Kill(s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// tail returns the end of what the daemon wrote.
func (s *skuaSwitch) tail(n int) string {
	var parts []string
	for _, f := range []string{s.outFile(), s.logFile()} {
		if b, err := os.ReadFile(f); err == nil && len(b) > 0 {
			parts = append(parts, lastLines(string(b), n))
		}
	}
	return strings.Join(parts, "\n")
}

func (s *skuaSwitch) hints() []string {
	var out []string
	for _, c := range [][]string{{"list-commands"}, {"dpctl/show"}, {"dpctl/dump-flows", "-m"}, {"dpif-netdev/pmd-stats-show"}, {"tnl/neigh/show"}, {"coverage/show"}} {
		out = append(out, "OVS_RUNDIR="+s.rundir()+" ovs-appctl "+quote(c))
	}
	return out
}
