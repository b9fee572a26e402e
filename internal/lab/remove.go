package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// netnsDir is where ip-netns(8) keeps names.
const netnsDir = "/run/netns"

// remove removes everything that carries the run's id: processes in its namespaces,
// the namespaces with all their links, its folder, DPDK's runtime files. What is
// gone already is no error, so it may run at any moment and more than once.
func remove(id string) error {
	var errs []error
	if err := killInside(id); err != nil {
		errs = append(errs, err)
	}
	for _, name := range namespaces(id) {
		out, err := exec.Command("ip", "netns", "del", name).CombinedOutput()
		if _, e := os.Stat(filepath.Join(netnsDir, name)); err != nil && e == nil {
			errs = append(errs, fmt.Errorf("ip netns del %s: %w: %s", name, err, out))
		}
	}
	for _, f := range dpdkFiles(id) {
		if err := os.RemoveAll(f); err != nil {
			errs = append(errs, err)
		}
	}
	if err := os.RemoveAll(stateDir(id)); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// leftovers names what still carries the run's id.
func leftovers(id string) []string {
	var out []string
	for _, n := range namespaces(id) {
		out = append(out, "namespace "+n)
	}
	for _, f := range dpdkFiles(id) {
		out = append(out, "file "+f)
	}
	if _, err := os.Lstat(stateDir(id)); err == nil {
		out = append(out, "folder "+stateDir(id))
	}
	for _, pid := range naming(id) {
		out = append(out, fmt.Sprintf("process %d", pid))
	}
	return out
}

// namespaces lists the run's network namespaces.
func namespaces(id string) []string {
	paths, _ := filepath.Glob(filepath.Join(netnsDir, nsPrefix+id+"-*"))
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths
}

// filePrefix is the run's DPDK file prefix.
func filePrefix(id string) string { return nsPrefix + id }

// dpdkFiles lists EAL's runtime folder of the run and its pages in every hugetlbfs,
// "<prefix>map_<n>".
func dpdkFiles(id string) []string {
	out, _ := filepath.Glob(filepath.Join("/var/run/dpdk", filePrefix(id)))
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for _, line := range strings.Split(string(mounts), "\n") {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "hugetlbfs" {
			pages, _ := filepath.Glob(filepath.Join(f[1], filePrefix(id)+"map_*"))
			out = append(out, pages...)
		}
	}
	return out
}

// inside lists the processes that are in one of the run's namespaces.
func inside(id string) ([]int, error) {
	inodes := map[uint64]bool{}
	for _, n := range namespaces(id) {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(netnsDir, n), &st); err == nil {
			inodes[st.Ino] = true
		}
	}
	own, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	// A name that was made but not yet mounted, or the caller's own namespace, is
	// not the run's: nothing in there may be touched.
	delete(inodes, own.Sys().(*syscall.Stat_t).Ino)
	if len(inodes) == 0 {
		return nil, nil
	}
	return pids(func(pid int) bool {
		var st syscall.Stat_t
		err := syscall.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st)
		return err == nil && pid != os.Getpid() && inodes[st.Ino]
	})
}

// naming lists other processes whose arguments name the run: the daemon, had it
// left its namespace.
func naming(id string) []int {
	out, _ := pids(func(pid int) bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return err == nil && pid != os.Getpid() && strings.Contains(string(b), "--file-prefix\x00"+filePrefix(id)+"\x00")
	})
	return out
}

// pids lists the processes that match, ascending.
func pids(match func(int) bool) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && match(pid) {
			out = append(out, pid)
		}
	}
	sort.Ints(out)
	return out, nil
}

// killInside ends the processes in the run's namespaces and waits until they are
// gone: a namespace lives as long as a process is in it.
func killInside(id string) error {
	deadline := time.Now().Add(5 * time.Second)
	for {
		in, err := inside(id)
		if err != nil {
			return err
		}
		in = append(in, naming(id)...)
		if len(in) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v of the run do not end", in)
		}
		for _, pid := range in {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Clean removes what runs left behind: those of --keep, and those whose lab was
// killed. Runs that go on are let be, and named in busy. With id, that run alone.
func Clean(ctx context.Context, id string) (removed, busy []string, err error) {
	if os.Geteuid() != 0 {
		return nil, nil, fmt.Errorf("removing namespaces needs root: run it as root (sudo)")
	}
	var errs []error
	found := false
	for _, st := range runs() {
		if id != "" && st.ID != id {
			continue
		}
		found = true
		if st.Owner.alive() || st.justBorn() {
			busy = append(busy, st.ID)
			continue
		}
		if st.Daemon.alive() {
			endProcess(ctx, st.Daemon, nil)
		}
		if err := remove(st.ID); err != nil {
			errs = append(errs, fmt.Errorf("run %s: %w", st.ID, err))
			continue
		}
		if left := leftovers(st.ID); len(left) > 0 {
			errs = append(errs, fmt.Errorf("run %s: still there: %s", st.ID, strings.Join(left, ", ")))
			continue
		}
		removed = append(removed, st.ID)
	}
	if id != "" && !found {
		errs = append(errs, fmt.Errorf("run %q: there is none below %s", id, stateRoot))
	}
	return removed, busy, errors.Join(errs...)
}

// justBorn reports whether the run's folder is so young that its file may be yet to
// come.
func (s *state) justBorn() bool {
	fi, err := os.Stat(stateDir(s.ID))
	return err == nil && s.Owner.PID == 0 && time.Since(fi.ModTime()) < 10*time.Second
}

// endProcess ends p: SIGTERM, and SIGKILL after five seconds or when force closes.
// It reports whether p ended by itself.
func endProcess(ctx context.Context, p procID, force <-chan struct{}) bool {
	_ = syscall.Kill(p.PID, syscall.SIGTERM)
	late := time.After(5 * time.Second)
	for p.alive() && !zombie(p.PID) {
		select {
		case <-time.After(10 * time.Millisecond):
			continue
		case <-late:
		case <-force:
		case <-ctx.Done():
		}
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
		return false
	}
	return true
}

// zombie reports whether pid has ended and waits for its parent.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
	return strings.HasPrefix(rest, "Z")
}
