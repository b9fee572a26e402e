package peers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/proc"
)

// OVS is Open vSwitch's userspace datapath on DPDK, with a database, a control
// socket and a network namespace of its own.
type OVS struct{}

// ovsDaemon is where Debian keeps the daemon that is built with DPDK; a plain
// ovs-vswitchd on PATH may be the other one.
const ovsDaemon = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"

// ovsSchema is the schema of its database.
const ovsSchema = "/usr/share/openvswitch/vswitch.ovsschema"

// Name implements [bench.Subject].
func (OVS) Name() string { return bench.OVSName }

// Version implements [bench.Subject].
func (OVS) Version() (string, error) {
	const install = "Debian's package openvswitch-switch-dpdk has it"
	for _, path := range []string{ovsDaemon, ovsSchema} {
		if _, err := os.Stat(path); err != nil {
			return "", missing(path, install)
		}
	}
	for _, tool := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vsctl", "ovs-ofctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", missing(tool+" on PATH", install)
		}
	}
	out, err := exec.Command(ovsDaemon, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", ovsDaemon, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	version := "Open vSwitch " + lastWord(lines[0])
	for _, l := range lines[1:] {
		if strings.HasPrefix(l, "DPDK ") {
			version += " on " + l
		}
	}
	return version, nil
}

func lastWord(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }

// Measure implements [bench.Subject]. OwnCycles is what pmd-stats-show calls
// processing cycles per packet: cycles of turns that received packets.
func (OVS) Measure(ctx context.Context, s *bench.Setup, c bench.Case, pcap string) (sample bench.Sample, err error) {
	r, err := startOVS(ctx, s)
	if r != nil {
		defer func() {
			if cerr := r.close(); cerr != nil && err == nil {
				err = cerr
			}
		}()
	}
	if err != nil {
		return bench.Sample{}, err
	}
	if err := r.configure(ctx, s, c, pcap); err != nil {
		return bench.Sample{}, r.explain(err)
	}
	if err := sleep(ctx, s.Warmup); err != nil {
		return bench.Sample{}, err
	}
	sample, err = r.window(ctx, s)
	if err != nil {
		return bench.Sample{}, r.explain(err)
	}
	return sample, nil
}

const ovsReply = 10 * time.Second

func (r *ovsRun) window(ctx context.Context, s *bench.Setup) (bench.Sample, error) {
	if _, err := unixctlCall(r.ctl, ovsReply, "dpif-netdev/pmd-stats-clear"); err != nil {
		return bench.Sample{}, err
	}
	before, err := r.reading(s.Core)
	if err != nil {
		return bench.Sample{}, err
	}
	if err := sleep(ctx, s.Window); err != nil {
		return bench.Sample{}, err
	}
	after, err := r.reading(s.Core)
	if err != nil {
		return bench.Sample{}, err
	}
	pmd, err := unixctlCall(r.ctl, ovsReply, "dpif-netdev/pmd-stats-show")
	if err != nil {
		return bench.Sample{}, err
	}
	sample, err := bench.NewSample(before, after, s.TSCHz)
	if err != nil {
		return bench.Sample{}, fmt.Errorf("ovs: %w", err)
	}
	addPMDStats(&sample, pmd, s.Core)
	return sample, nil
}

var ovsTx = regexp.MustCompile(`(?m)^  port \d+: ` + ovsOut + ` \(.*\n.*\n\s+TX packets:(\d+) `)

// reading reads what a sample is made of.
func (r *ovsRun) reading(core int) (bench.Reading, error) {
	sent, at, err := r.sent()
	if err != nil {
		return bench.Reading{}, err
	}
	ran, err := proc.CoreTime(r.daemon.Pid(), core)
	return bench.Reading{At: at, Sent: sent, Ran: ran}, err
}

// sent returns how many packets left through the output port and when that was read.
func (r *ovsRun) sent() (uint64, time.Time, error) {
	asked := time.Now()
	text, err := unixctlCall(r.ctl, ovsReply, "dpctl/show", "-s")
	at := asked.Add(time.Since(asked) / 2)
	if err != nil {
		return 0, at, err
	}
	m := ovsTx.FindStringSubmatch(text)
	if m == nil {
		return 0, at, fmt.Errorf("dpctl/show: no counter of port %s in %q", ovsOut, text)
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		return 0, at, fmt.Errorf("dpctl/show: counter of port %s: %w", ovsOut, err)
	}
	return n, at, nil
}

var (
	pmdFigure = regexp.MustCompile(`^  (packets received|packet recirculations|simple match hits|emc hits|smc hits|megaflow hits|miss with success upcall|miss with failed upcall): (\d+)$`)
	pmdCycles = regexp.MustCompile(`^  avg processing cycles per packet: ([0-9.]+) `)
)

// addPMDStats adds the counters of the poll-mode thread on a core.
func addPMDStats(sample *bench.Sample, text string, core int) {
	head := fmt.Sprintf("core_id %d:", core)
	sample.Figures = map[string]float64{}
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, "  ") {
			inside = strings.HasSuffix(line, head)
			continue
		}
		if !inside {
			continue
		}
		if m := pmdFigure.FindStringSubmatch(line); m != nil {
			sample.Figures[strings.ReplaceAll(m[1], " ", "_")], _ = strconv.ParseFloat(m[2], 64)
		}
		if m := pmdCycles.FindStringSubmatch(line); m != nil {
			sample.OwnCycles, _ = strconv.ParseFloat(m[1], 64)
		}
	}
}
