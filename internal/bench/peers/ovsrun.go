package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/proc"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/dp"
)

// Names of Open vSwitch's ports.
const (
	ovsIn  = "in0"
	ovsOut = "out0"
	ovsTun = "vx0"
)

// ovsRun is one running Open vSwitch.
type ovsRun struct {
	dir, db, ctl string
	netns        string
	server       *proc.Proc // ovsdb-server
	daemon       *proc.Proc // ovs-vswitchd
}

// startOVS makes the namespace and starts both daemons. What it returns beside an
// error must be closed too.
func startOVS(ctx context.Context, s *bench.Setup) (*ovsRun, error) {
	dir, err := os.MkdirTemp(s.Dir, "ovs")
	if err != nil {
		return nil, fmt.Errorf("ovs: %w", err)
	}
	r := &ovsRun{dir: dir, db: "unix:" + dir + "/db.sock", ctl: dir + "/vswitchd.ctl"}
	name := filePrefix("ovs")
	if err := r.run(ctx, "ip", "netns", "add", name); err != nil {
		return r, err
	}
	r.netns = name
	// Without this the underlay's own neighbour discovery would be traffic too.
	if err := r.run(ctx, "ip", "netns", "exec", name, "sysctl", "-q", "-w", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"); err != nil {
		return r, err
	}
	if err := r.run(ctx, "ovsdb-tool", "create", dir+"/conf.db", ovsSchema); err != nil {
		return r, err
	}
	r.server, err = proc.Start(r.command(s, "ovsdb-server", "--remote=p"+r.db, "--unixctl="+dir+"/ovsdb.ctl",
		"--pidfile="+dir+"/ovsdb.pid", "-vconsole:off", "--log-file="+dir+"/ovsdb.log", dir+"/conf.db"))
	if err != nil {
		return r, err
	}
	if err := r.awaitSocket(ctx, dir+"/db.sock", r.server); err != nil {
		return r, err
	}
	args := ealMemory(s, "ovs", ovsMemoryMB)
	if !s.Huge {
		// Open vSwitch adds --in-memory, which EAL refuses beside --no-huge, unless
		// this is there; with --no-huge it says nothing new.
		args = append(args, "--legacy-mem")
	}
	extra := strings.Join(args, " ")
	if err := r.vsctl(ctx, "--no-wait", "init", "--", "set", "Open_vSwitch", ".",
		"other_config:dpdk-init=true", fmt.Sprintf("other_config:dpdk-extra=%q", extra),
		fmt.Sprintf("other_config:pmd-cpu-mask=0x%x", uint64(1)<<s.Core),
		fmt.Sprintf("other_config:dpdk-lcore-mask=0x%x", uint64(1)<<s.Others[0])); err != nil {
		return r, err
	}
	r.daemon, err = proc.Start(r.command(s, ovsDaemon, r.db, "--unixctl="+r.ctl, "--pidfile="+dir+"/vswitchd.pid",
		"-vconsole:off", "--log-file="+dir+"/vswitchd.log"))
	if err != nil {
		return r, err
	}
	return r, r.awaitSocket(ctx, r.ctl, r.daemon)
}

// ovsMemoryMB is room for the pool of packet buffers that Open vSwitch sizes by
// itself (262,144 of them where memory allows).
const ovsMemoryMB = 1024

func (r *ovsRun) command(s *bench.Setup, args ...string) proc.Command {
	return proc.Command{Cores: s.Others, Netns: r.netns, Args: args, Env: r.env(), Stdin: []byte{}, Eager: true}
}

func (r *ovsRun) env() []string {
	return []string{"OVS_RUNDIR=" + r.dir, "OVS_DBDIR=" + r.dir, "OVS_LOGDIR=" + r.dir}
}

// configure makes bridges, flows and ports, the input port last: no packet comes
// before the flows that it is to meet.
func (r *ovsRun) configure(ctx context.Context, s *bench.Setup, c bench.Case, pcap string) error {
	bridges := []string{"--", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "fail-mode=secure"}
	inBridge, outBridge := "br-int", "br-int"
	if c.Job != bench.Forward {
		bridges = append(bridges, "--", "add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev",
			"fail-mode=secure", "other-config:hwaddr="+mac(traffic.LocalMAC))
	}
	if err := r.vsctl(ctx, bridges...); err != nil {
		return err
	}
	switch c.Job {
	case bench.Push:
		outBridge = "br-phy"
	case bench.Pop:
		inBridge = "br-phy"
	}
	if err := r.flows(ctx, s, c); err != nil {
		return err
	}
	if err := r.port(ctx, outBridge, ovsOut, 2, "type=dpdk", "options:dpdk-devargs="+nullDevice(0)); err != nil {
		return err
	}
	if c.Job != bench.Forward {
		if err := r.tunnel(ctx, c); err != nil {
			return err
		}
	}
	return r.port(ctx, inBridge, ovsIn, 1, "type=dpdk", "options:dpdk-devargs="+pcapDevice(0, pcap))
}

// flows adds the OpenFlow rules: what a learning switch does with known addresses.
func (r *ovsRun) flows(ctx context.Context, s *bench.Setup, c bench.Case) error {
	var inner strings.Builder
	for i := range s.Plan.VNIs {
		vni, action := traffic.VNI(i), "output:2"
		match := fmt.Sprintf("in_port=1,dl_src=%s,dl_dst=%s", mac(s.Plan.Flow(i).EthSrc), mac(traffic.VNIMAC(i)))
		switch c.Job {
		case bench.Push:
			action = fmt.Sprintf("set_field:%d->tun_id,output:2", vni)
		case bench.Pop:
			match += fmt.Sprintf(",tun_id=%d", vni)
		}
		fmt.Fprintf(&inner, "%s,actions=%s\n", match, action)
	}
	if err := r.ofctl(ctx, "br-int", inner.String()); err != nil {
		return err
	}
	switch c.Job {
	case bench.Push:
		return r.ofctl(ctx, "br-phy", "in_port=LOCAL,actions=output:2\n")
	case bench.Pop:
		return r.ofctl(ctx, "br-phy", fmt.Sprintf("in_port=1,dl_src=%s,dl_dst=%s,actions=LOCAL\n",
			mac(traffic.RemoteMAC), mac(traffic.LocalMAC)))
	}
	return nil
}

// tunnel gives the underlay its address and neighbour and adds the tunnel port.
func (r *ovsRun) tunnel(ctx context.Context, c bench.Case) error {
	if err := r.run(ctx, "ip", "-n", r.netns, "addr", "add", ip(traffic.LocalIP)+"/24", "dev", "br-phy"); err != nil {
		return err
	}
	if err := r.run(ctx, "ip", "-n", r.netns, "link", "set", "br-phy", "up"); err != nil {
		return err
	}
	port := 2
	if c.Job == bench.Pop {
		port = 1
	}
	if err := r.port(ctx, "br-int", ovsTun, port, "type=vxlan", "options:key=flow",
		"options:remote_ip="+ip(traffic.RemoteIP), "options:local_ip="+ip(traffic.LocalIP)); err != nil {
		return err
	}
	if err := r.awaitRoute(ctx); err != nil {
		return err
	}
	_, err := unixctlCall(r.ctl, ovsReply, "tnl/neigh/set", "br-phy", ip(traffic.RemoteIP), mac(traffic.RemoteMAC))
	return err
}

// awaitRoute waits until the daemon has heard of the underlay's route.
func (r *ovsRun) awaitRoute(ctx context.Context) error {
	return poll(ctx, ovsReply, "route to "+ip(traffic.RemoteIP), func() (bool, error) {
		text, err := unixctlCall(r.ctl, ovsReply, "ovs/route/lookup", ip(traffic.RemoteIP))
		return err == nil && strings.Contains(text, "br-phy"), r.daemon.Running()
	})
}

// port adds a port and checks that its device came up.
func (r *ovsRun) port(ctx context.Context, bridge, name string, no int, settings ...string) error {
	args := []string{"--", "add-port", bridge, name, "--", "set", "interface", name, fmt.Sprintf("ofport_request=%d", no)}
	if err := r.vsctl(ctx, append(args, settings...)...); err != nil {
		return err
	}
	out, err := r.output(ctx, "", "ovs-vsctl", r.vsctlArgs("get", "interface", name, "error")...)
	if err != nil {
		return err
	}
	if cause := strings.TrimSpace(out); cause != "[]" {
		return fmt.Errorf("ovs: port %s (%s): %s", name, strings.Join(settings, " "), cause)
	}
	return nil
}

func (r *ovsRun) vsctlArgs(args ...string) []string {
	return append([]string{"--db=" + r.db, "--timeout=30"}, args...)
}

func (r *ovsRun) vsctl(ctx context.Context, args ...string) error {
	return r.run(ctx, "ovs-vsctl", r.vsctlArgs(args...)...)
}

func (r *ovsRun) ofctl(ctx context.Context, bridge, flows string) error {
	_, err := r.output(ctx, flows, "ovs-ofctl", "--timeout=30", "add-flows", "unix:"+filepath.Join(r.dir, bridge+".mgmt"), "-")
	return err
}

func (r *ovsRun) run(ctx context.Context, name string, args ...string) error {
	_, err := r.output(ctx, "", name, args...)
	return err
}

// output runs a short command and returns what it printed.
func (r *ovsRun) output(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(cmd.Environ(), r.env()...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.SysProcAttr = proc.Own()
	var errText strings.Builder
	cmd.Stderr = &errText
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(errText.String()))
	}
	return string(out), nil
}

// awaitSocket waits until somebody listens on a daemon's socket.
func (r *ovsRun) awaitSocket(ctx context.Context, path string, p *proc.Proc) error {
	return poll(ctx, 30*time.Second, "socket "+path, func() (bool, error) {
		_, err := os.Stat(path)
		return err == nil, p.Running()
	})
}

func poll(ctx context.Context, d time.Duration, what string, done func() (bool, error)) error {
	deadline := time.Now().Add(d)
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("ovs: no %s within %v", what, d)
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// explain adds the daemon's last warnings to an error.
func (r *ovsRun) explain(err error) error {
	log, rerr := os.ReadFile(filepath.Join(r.dir, "vswitchd.log"))
	if rerr != nil || errors.Is(err, context.Canceled) {
		return err
	}
	var found []string
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "|WARN|") || strings.Contains(line, "|ERR|") || strings.Contains(line, "|EMER|") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	if len(found) == 0 {
		return err
	}
	return fmt.Errorf("%w; the daemon's last warnings: %s", err, strings.Join(found[max(0, len(found)-3):], " | "))
}

// close ends both daemons and removes the namespace (its taps go with it) and files.
func (r *ovsRun) close() error {
	if r.daemon != nil {
		r.daemon.Stop()
	}
	if r.server != nil {
		r.server.Stop()
	}
	var errs []error
	if r.netns != "" {
		if out, err := exec.Command("ip", "netns", "del", r.netns).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("ip netns del %s: %w: %s", r.netns, err, strings.TrimSpace(string(out))))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

func mac(m dp.MAC) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

func ip(a dp.BE32) string { return fmt.Sprintf("%d.%d.%d.%d", a[0], a[1], a[2], a[3]) }
