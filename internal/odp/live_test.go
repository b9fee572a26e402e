//go:build linux

package odp

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var record = flag.Bool("record", false, "write what the installed Open vSwitch prints into testdata")

// liveKey is the flow that carries the actions of actions.txt.
const liveKey = "in_port(1),eth(),eth_type(0x1234)"

// liveDP is the datapath that the test makes.
const liveDP = "dummy@d0"

// liveOVS is an Open vSwitch of the test's own, in its own network namespace and
// with its own run folder.
type liveOVS struct {
	dir string
	env []string
}

// startOVS starts ovsdb-server and ovs-vswitchd, or skips with the reason.
func startOVS(t *testing.T) *liveOVS {
	t.Helper()
	for _, tool := range []string{"ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-appctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs Open vSwitch 3.1 to compare with: %v", err)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root for a network namespace")
	}
	version, err := exec.Command("ovs-vswitchd", "--version").Output()
	if err != nil || !strings.Contains(string(version), "(Open vSwitch) 3.1.") {
		t.Skipf("the tables are those of Open vSwitch 3.1, installed is %q (%v)", version, err)
	}
	dir, err := os.MkdirTemp("", "odp") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := &liveOVS{dir: dir, env: append(os.Environ(), "OVS_RUNDIR="+dir, "OVS_DBDIR="+dir, "OVS_LOGDIR="+dir)}
	db, sock := filepath.Join(dir, "conf.db"), filepath.Join(dir, "db.sock")
	o.must(t, "ovsdb-tool", "create", db, "/usr/share/openvswitch/vswitch.ovsschema")
	o.daemon(t, "ovsdb-server", db, "--remote=punix:"+sock)
	o.eventually(t, "ovs-vsctl", "--db=unix:"+sock, "--no-wait", "init")
	o.daemon(t, "ovs-vswitchd", "unix:"+sock, "--disable-system", "--enable-dummy", "--pidfile")
	o.eventually(t, "ovs-appctl", "version")
	// The second tag is only matched when it is asked for.
	o.must(t, "ovs-vsctl", "--timeout=20", "--db=unix:"+sock, "set", "Open_vSwitch", ".", "other_config:vlan-limit=2")
	o.must(t, "ovs-appctl", "dpctl/add-dp", liveDP)
	for no, name := range names {
		if no != 0 {
			o.must(t, "ovs-appctl", "dpctl/add-if", liveDP, fmt.Sprintf("%s,type=dummy,port_no=%d", name, no))
		}
	}
	return o
}

// run runs one command to its end.
func (o *liveOVS) run(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = o.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (o *liveOVS) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := o.run(name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// eventually repeats a command until it succeeds.
func (o *liveOVS) eventually(t *testing.T, name string, args ...string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := o.run(name, args...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
		}
	}
}

// daemon starts a program in a network namespace of its own until the test ends.
func (o *liveOVS) daemon(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = o.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// flow puts one flow and returns key and actions as both dumps print them;
// "refused" twice if the daemon does not take it.
func (o *liveOVS) flow(t *testing.T, key, actions string) (dump, more [2]string) {
	t.Helper()
	o.must(t, "ovs-appctl", "dpctl/del-flows", liveDP)
	if _, err := o.run("ovs-appctl", "dpctl/add-flow", liveDP, key, actions); err != nil {
		return [2]string{refused, refused}, [2]string{}
	}
	dump = splitDump(t, o.must(t, "ovs-appctl", "dpctl/dump-flows", liveDP))
	more = splitDump(t, o.must(t, "ovs-appctl", "dpctl/dump-flows", "-m", liveDP))
	return dump, more
}

// splitDump takes key and actions out of a dump with one flow.
func splitDump(t *testing.T, out string) [2]string {
	t.Helper()
	for _, line := range strings.Split(out, "\n") {
		key, rest, ok := strings.Cut(line, ", packets:")
		_, actions, ok2 := strings.Cut(rest, ", actions:")
		if !ok || !ok2 {
			continue
		}
		if strings.HasPrefix(key, "ufid:") {
			_, key, _ = strings.Cut(key, ", ")
		}
		actions, _, _ = strings.Cut(actions, ", dp-extra-info:")
		return [2]string{key, actions}
	}
	t.Fatalf("no flow in %q", out)
	return [2]string{}
}

// TestLive compares the tables with what Open vSwitch prints now.
func TestLive(t *testing.T) {
	o := startOVS(t)
	for i, path := range []string{"testdata/keys.txt", "testdata/actions.txt"} {
		cases := readTable(t, path)
		for j := range cases {
			c := &cases[j]
			key, actions := c.in, "drop"
			if i == 1 {
				key, actions = liveKey, c.in
			}
			dump, more := o.flow(t, key, actions)
			if *record {
				c.dump, c.more = dump[i], more[i]
				continue
			}
			compareText(t, c.in+": dump", dump[i], c.dump)
			compareText(t, c.in+": more", more[i], c.more)
		}
		if *record {
			writeTable(t, path, cases)
		}
	}
}
