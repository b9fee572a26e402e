package lab

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/skua/skua/internal/lab/ui"
)

// Kinds of switches that can stand between the hosts.
const (
	SwitchSkua   = "skua"   // skua vswitchd
	SwitchKernel = "kernel" // the kernel's bridge and vxlan device, as a check of the lab itself
)

// Options say what [Run] does. The zero value of a field is its default.
type Options struct {
	Skua   string // program whose "vswitchd" command is the daemon; default: this program
	Switch string // SwitchSkua or SwitchKernel; default SwitchSkua

	NoHuge   bool     // run without hugepages; chosen by itself where too few are free
	MemMB    int      // the daemon's memory in MB; default 512
	CPU      int      // CPU of the pinned lcore; negative: the last one this process may use
	Extra    []string // more arguments for the daemon
	Duration time.Duration
	Keep     bool // leave hosts and switch running at the end

	Report string // file for the HTML report; empty: none
	JSON   string // file for the result as JSON; empty: none

	UI    ui.UI           // where progress goes; default: discarded
	Force <-chan struct{} // closed when the user asks a second time to stop
}

// fill sets defaults and checks o.
func (o *Options) fill() error {
	if o.Switch == "" {
		o.Switch = SwitchSkua
	}
	if o.Switch != SwitchSkua && o.Switch != SwitchKernel {
		return fmt.Errorf("switch %q: it is %q or %q", o.Switch, SwitchSkua, SwitchKernel)
	}
	if o.Duration == 0 {
		o.Duration = 2 * time.Second
	}
	if o.Duration < time.Second || o.Duration > 10*time.Second {
		return fmt.Errorf("duration %v of a traffic run: it is 1s to 10s", o.Duration)
	}
	if o.MemMB == 0 {
		o.MemMB = 512
	}
	if o.MemMB < 64 {
		return fmt.Errorf("memory of %d MB: the daemon needs 64 MB or more", o.MemMB)
	}
	if o.UI == nil {
		o.UI = ui.Discard{}
	}
	if o.Skua == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("own program's path: %w", err)
		}
		o.Skua = self
	}
	cpus, err := allowedCPUs()
	if err != nil {
		return err
	}
	if o.CPU < 0 {
		o.CPU = cpus[len(cpus)-1]
	}
	for _, c := range cpus {
		if c == o.CPU {
			return nil
		}
	}
	return fmt.Errorf("cpu %d: this process may use %v", o.CPU, cpus)
}

// tools are the programs that a run calls, with the Debian package of each.
var tools = []struct{ name, pkg string }{
	{"ip", "iproute2"}, {"ping", "iputils-ping"}, {"iperf3", "iperf3"}, {"tshark", "tshark"},
	{"ethtool", "ethtool"},
}

// preflight says what this machine lacks for a run, all of it at once.
func preflight(o *Options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("the lab makes network namespaces and needs root: run it as root (sudo)")
	}
	var missing []string
	need := tools
	if o.Switch == SwitchSkua {
		need = append(need[:len(need):len(need)], struct{ name, pkg string }{"ovs-appctl", "openvswitch-switch"})
	}
	for _, t := range need {
		if _, err := exec.LookPath(t.name); err != nil {
			missing = append(missing, fmt.Sprintf("%s (package %s)", t.name, t.pkg))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not on PATH: %s: scripts/setup installs them", strings.Join(missing, ", "))
	}
	if _, err := os.Stat("/proc/self/ns/net"); err != nil {
		return fmt.Errorf("this kernel has no network namespaces: %w", err)
	}
	return nil
}
