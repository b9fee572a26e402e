package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// daemonName is the name of pidfile, log and control socket: the one that Open
// vSwitch's tools look for.
const daemonName = "ovs-vswitchd"

// vswitchdCommand runs the switch.
var vswitchdCommand = &cli.Command{
	Name:  "vswitchd",
	Usage: "run the switch in the foreground; ovs-appctl drives it",
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "lcores", Usage: "`CPUS` that get a pinned packet lcore each, as 1,2 or 2-5; kernel interfaces need none"},
		&cli.StringFlag{Name: "rundir", Usage: "`DIR` of pidfile and control socket", EnvVars: []string{"OVS_RUNDIR"}, Value: "/var/run/openvswitch"},
		&cli.StringFlag{Name: "pidfile", Usage: "`FILE` of the pid (default: RUNDIR/ovs-vswitchd.pid)"},
		&cli.StringFlag{Name: "unixctl", Usage: "control `SOCKET` (default: RUNDIR/ovs-vswitchd.PID.ctl)"},
		&cli.StringFlag{Name: "log-file", Usage: "log to `FILE` too"},
		&cli.StringSliceFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log levels as `SPEC` of ovs-appctl vlog/set, as dbg or netdev:file:dbg; may repeat"},
		&cli.BoolFlag{Name: "no-huge", Usage: "do without hugepages"},
		&cli.IntFlag{Name: "mem", Usage: "start with this much packet memory in `MB` (default: on demand; 1024 without hugepages)"},
		&cli.StringFlag{Name: "file-prefix", Usage: "`NAME` that tells DPDK processes apart (default: skua-PID)"},
		&cli.BoolFlag{Name: "no-pci", Usage: "leave the PCI bus alone; without it dpdk ports may name PCI devices, and only those are touched"},
		&cli.StringFlag{Name: "isa", Usage: "force a `BUILD` of the packet loop: generic, avx2 or avx512"},
		&cli.BoolFlag{Name: "no-shortcut", Usage: "look packets to tunnel endpoints up twice instead of ending tunnels in one pass"},
		&cli.IntFlag{Name: "max-flows", Usage: "room for `N` flows (default: 1048576)"},
		&cli.IntFlag{Name: "mbufs", Usage: "`N` packet buffers per NUMA socket (default: 32768)"},
	},
	Action: func(c *cli.Context) error {
		if c.Args().Present() {
			return fmt.Errorf("vswitchd: unexpected argument %q", c.Args().First())
		}
		cpus, err := parseCPUs(c.String("lcores"))
		if err != nil {
			return fmt.Errorf("vswitchd: --lcores: %w", err)
		}
		return runDaemon(c, cpus)
	},
}

// maxLcores is FP_MAX_LCORES without the housekeeping lcore.
const maxLcores = 31

// parseCPUs reads a list such as 1,3-5. Empty: none.
func parseCPUs(s string) ([]int, error) {
	var out []int
	seen := map[int]bool{}
	if s == "" {
		return nil, nil
	}
	for _, part := range strings.Split(s, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange {
			hi = lo
		}
		from, err1 := strconv.Atoi(lo)
		to, err2 := strconv.Atoi(hi)
		if err1 != nil || err2 != nil || from < 0 || to < from || to >= 4096 {
			return nil, fmt.Errorf("%q: want CPU numbers as 1,2 or 2-5", part)
		}
		for cpu := from; cpu <= to; cpu++ {
			if seen[cpu] {
				return nil, fmt.Errorf("CPU %d stands twice", cpu)
			}
			if _, err := os.Stat(fmt.Sprintf("/sys/devices/system/cpu/cpu%d", cpu)); err != nil {
				return nil, fmt.Errorf("no CPU %d on this machine (it has %d)", cpu, runtime.NumCPU())
			}
			seen[cpu] = true
			out = append(out, cpu)
		}
	}
	if len(out) > maxLcores {
		return nil, fmt.Errorf("%d CPUs, at most %d lcores are possible", len(out), maxLcores)
	}
	return out, nil
}
