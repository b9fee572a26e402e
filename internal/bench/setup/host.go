// Package setup finds out about the machine and makes a run's [bench.Setup] from
// what the user asked for.
package setup

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/tsc"
)

// Cores chooses the core under test and the rest. want is the core asked for, or -1
// for the last one that this process may use.
func Cores(want int) (core int, others []int, err error) {
	allowed, err := allowedCPUs()
	if err != nil {
		return 0, nil, err
	}
	if len(allowed) < 2 {
		return 0, nil, fmt.Errorf("cores: one is under test and one is for everything else, this process may use %v only", allowed)
	}
	core = allowed[len(allowed)-1]
	if want >= 0 {
		if !slices.Contains(allowed, want) {
			return 0, nil, fmt.Errorf("core %d: this process may use %v", want, allowed)
		}
		core = want
	}
	if core > 63 {
		return 0, nil, fmt.Errorf("core %d: Open vSwitch's mask is written for cores 0 to 63; choose one with --core", core)
	}
	return core, slices.DeleteFunc(allowed, func(n int) bool { return n == core }), nil
}

func allowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("cores of this process: %w", err)
	}
	var list []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			list = append(list, i)
		}
	}
	return list, nil
}

// HugepageBytes returns how much of the machine's hugepages is free: reserved by
// the administrator and not in use.
func HugepageBytes() (uint64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("hugepages: %w", err)
	}
	return meminfo(string(text), "HugePages_Free") * meminfo(string(text), "Hugepagesize") * 1024, nil
}

func meminfo(text, name string) uint64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseUint(strings.Fields(rest)[0], 10, 64) // the kernel's own number
			return n
		}
	}
	return 0
}

// HugepagesNeeded is free hugepage memory that lets every subject run: Open vSwitch
// takes about 800 MB for its packet buffers, a million flows of Skua about 600 MB.
const HugepagesNeeded = 1200 << 20

// Huge decides about hugepages: "huge" and "4k" are the user's word, "auto" takes
// them if enough are free.
func Huge(mode string) (bool, error) {
	switch mode {
	case "huge":
		return true, nil
	case "4k":
		return false, nil
	case "auto":
		free, err := HugepageBytes()
		return free >= HugepagesNeeded, err
	}
	return false, fmt.Errorf("memory %q: choose huge, 4k or auto", mode)
}

// Host describes the machine.
func Host(core int, others []int, huge bool) bench.Host {
	h := bench.Host{
		CPU: cpuModel(), Cores: runtime.NumCPU(), Core: core, Others: others,
		TSCHz: tsc.Hz(), Memory: "4k pages",
	}
	if huge {
		h.Memory = "hugepages"
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		h.Kernel = unix.ByteSliceToString(uts.Release[:])
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		h.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	}
	return h
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
