// Package peers holds the subjects of the benchmark: testpmd, Open vSwitch on
// DPDK, and Skua by way of a worker process.
package peers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/skua/skua/internal/bench"
)

// pcapDevice returns the devargs of the device that replays a file for ever. The
// driver copies the file's packets into packet buffers first, and a copy of one of
// them is what a receive hands out; so no file is read while packets pass.
func pcapDevice(n int, pcap string) string {
	return fmt.Sprintf("net_pcap%d,rx_pcap=%s,infinite_rx=1", n, pcap)
}

// nullDevice returns the devargs of the device that throws away what it is given.
// Without no-rx it would also make up packets whenever it is polled.
func nullDevice(n int) string { return fmt.Sprintf("net_null%d,no-rx=1", n) }

// Mbufs returns how many packet buffers a case with so many packets in its file
// needs: the file's own and those on their way, at least what programs default to.
func Mbufs(flows int) int {
	n := 65536
	for n < flows+16384 {
		n *= 2
	}
	return n
}

// mbufBytes is the most that one packet buffer takes with its headroom and the
// pool's own bytes, in any of the subjects.
const mbufBytes = 3200

// memoryMB returns the megabytes to ask EAL for where it cannot grow.
func memoryMB(mbufs, flows int) int {
	return 128 + (mbufs*mbufBytes+flows*1024)>>20
}

var ealRuns atomic.Int64

// NetnsPrefix starts the names of network namespaces; the number of the process
// that made them follows.
const NetnsPrefix = "skuabench-ovs-"

// filePrefix returns an EAL file prefix that no other process uses.
func filePrefix(name string) string {
	return fmt.Sprintf("skuabench-%s-%d-%d", name, os.Getpid(), ealRuns.Add(1))
}

// RemoveEALFolders removes the runtime folders that the EAL of this process's
// subjects left behind: EAL 22.11 takes its own away in no mode.
func RemoveEALFolders() error {
	dirs, err := filepath.Glob(fmt.Sprintf("/var/run/dpdk/skuabench-*-%d-*", os.Getpid()))
	for _, dir := range dirs {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// ealMemory returns EAL's arguments for memory: nothing is left in a file system
// in either mode. EAL 22.11 refuses --in-memory beside --no-huge.
func ealMemory(s *bench.Setup, name string, mb int) []string {
	prefix := "--file-prefix=" + filePrefix(name)
	if s.Huge {
		return []string{"--no-pci", "--in-memory", prefix}
	}
	return []string{"--no-pci", "--no-huge", "--no-shconf", "-m", fmt.Sprint(mb), prefix}
}

// missing is why a subject cannot run on this machine.
func missing(what, install string) error {
	return fmt.Errorf("%w: no %s; %s", bench.ErrNotInstalled, what, install)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
