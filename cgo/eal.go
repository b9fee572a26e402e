//go:build linux && cgo

package cgo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// ErrEALStarted says that EAL was started in this process before; DPDK can do that
// once, also when the first start failed.
var ErrEALStarted = errors.New("EAL can start once per process")

// EALConfig says how DPDK starts.
type EALConfig struct {
	// Huge takes memory from 2 MB or 1 GB pages that the machine has reserved, as it
	// is needed, and leaves no file behind. Without it MemMB of ordinary memory.
	Huge bool
	// MemMB is the memory to start with in MB; 0: 1024 without Huge, else on demand.
	MemMB int
	// FilePrefix tells DPDK processes of a machine apart; empty: "skua" and the
	// process id.
	FilePrefix string
	// PCI lets ports name PCI devices ("0000:03:00.0"). None is taken when EAL starts,
	// each when a port names it. Without it the PCI bus is not even listed.
	PCI bool
	// IOVA is "va" or "pa"; empty: "va" without PCI or Huge, else DPDK chooses.
	IOVA string
	// Log gets DPDK's lines, with field "module". nil: they are dropped.
	Log *zap.Logger
}

// EAL is DPDK's environment. There is one per process.
type EAL struct {
	pipe *logPipe
	stop chan struct{}
	done chan int
	once sync.Once
	err  error
}

var ealStarted struct {
	sync.Mutex
	yes bool
}

// StartEAL starts DPDK. No device of the machine is probed before a port names it.
// The error names the arguments and DPDK's own last lines.
func StartEAL(cfg EALConfig) (*EAL, error) {
	args, err := cfg.args()
	if err != nil {
		return nil, err
	}
	ealStarted.Lock()
	defer ealStarted.Unlock()
	if ealStarted.yes {
		return nil, ErrEALStarted
	}
	log := cfg.Log
	if log == nil {
		log = zap.NewNop()
	}
	pipe, err := newLogPipe(log)
	if err != nil {
		return nil, err
	}
	ealStarted.yes = true
	e := &EAL{pipe: pipe, stop: make(chan struct{}), done: make(chan int, 1)}
	started := make(chan error, 1)
	go e.main(args, started)
	if err := <-started; err != nil {
		if tail := pipe.finish(); len(tail) > 0 {
			err = fmt.Errorf("%w; DPDK said: %s", err, strings.Join(tail, " | "))
		}
		return nil, err
	}
	return e, nil
}

// main is EAL's main lcore: the thread that starts EAL belongs to it for as long as
// EAL runs. DPDK sets the thread's affinity, so it goes back to Go never: a goroutine
// that ends while locked takes its thread along.
func (e *EAL) main(args []string, started chan<- error) {
	runtime.LockOSThread()
	var ce rawErr
	if rc := rawEALInit(args, &ce); rc < 0 {
		started <- fail("start EAL with "+strings.Join(args[1:], " "), rc, &ce)
		return
	}
	started <- nil
	<-e.stop
	e.done <- rawEALCleanup()
}

// Close releases DPDK's memory and files. Every [Datapath] must be closed before.
func (e *EAL) Close() error {
	e.once.Do(func() {
		close(e.stop)
		if rc := <-e.done; rc < 0 {
			e.err = fail("stop EAL", rc, nil)
		}
		e.pipe.finish()
	})
	return e.err
}

// Sockets returns the number of NUMA sockets that have memory or cores.
func (e *EAL) Sockets() int { return rawEALSockets() }

// DPDKVersion returns the version of DPDK, as "DPDK 22.11.11".
func DPDKVersion() string { return rawDPDKVersion() }

// LibraryBuild returns the hash of the data plane's library that this program was
// built with, or "" if it was built without scripts/build's environment.
func LibraryBuild() string { return rawBuild() }

// args makes EAL's command line.
func (cfg EALConfig) args() ([]string, error) {
	cpus, err := allowedCPUs()
	if err != nil {
		return nil, fmt.Errorf("CPUs of this process: %w", err)
	}
	prefix := cfg.FilePrefix
	if prefix == "" {
		prefix = "skua-" + strconv.Itoa(os.Getpid())
	}
	if strings.ContainsAny(prefix, "/ %") {
		return nil, invalid("EAL file prefix %q: no '/', '%%' or space may be in it", prefix)
	}
	// One EAL lcore that may run anywhere: packet lcores are threads of our own, so
	// nothing but them is pinned.
	args := []string{"skua", "--lcores", "0@(" + cpus + ")", "--file-prefix", prefix, "--no-telemetry"}
	mem := cfg.MemMB
	if cfg.Huge {
		args = append(args, "--in-memory")
	} else {
		args = append(args, "--no-huge", "--no-shconf")
		if mem == 0 {
			mem = 1024
		}
	}
	if mem < 0 {
		return nil, invalid("EAL memory of %d MB", mem)
	}
	if mem > 0 {
		args = append(args, "-m", strconv.Itoa(mem))
	}
	iova := cfg.IOVA
	if cfg.PCI {
		// An allow list that names no device of the machine: nothing is probed now.
		args = append(args, "-a", "0000:00:00.0")
	} else {
		args = append(args, "--no-pci")
	}
	if iova == "" && !(cfg.PCI && cfg.Huge) {
		iova = "va"
	}
	switch iova {
	case "":
	case "va", "pa":
		args = append(args, "--iova-mode", iova)
	default:
		return nil, invalid("IOVA mode %q: expected \"va\" or \"pa\"", iova)
	}
	return args, nil
}

// allowedCPUs lists the CPUs that this process may run on, as "0-3,8".
func allowedCPUs() (string, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return "", err
	}
	var parts []string
	for cpu := 0; cpu < 1024; cpu++ {
		if !set.IsSet(cpu) {
			continue
		}
		from := cpu
		for cpu+1 < 1024 && set.IsSet(cpu+1) {
			cpu++
		}
		if from == cpu {
			parts = append(parts, strconv.Itoa(from))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", from, cpu))
		}
	}
	if len(parts) == 0 {
		return "", syscall.ESRCH
	}
	return strings.Join(parts, ","), nil
}

// FreeHugepagesMB returns how much memory the machine's free huge pages hold, in MB.
func FreeHugepagesMB() int {
	sizes, _ := filepath.Glob("/sys/kernel/mm/hugepages/hugepages-*kB")
	kb := 0
	for _, dir := range sizes {
		size, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(dir), "hugepages-"), "kB"))
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "free_hugepages"))
		if err != nil {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			kb += n * size
		}
	}
	return kb / 1024
}
