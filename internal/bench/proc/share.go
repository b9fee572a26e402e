package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Pid returns the child's process id.
func (p *Proc) Pid() int { return p.cmd.Process.Pid }

// CoreTime returns how long the threads of a process that may run on one core only
// have run on it (proc(5), schedstat). Set against the clock it tells whether the
// core was theirs alone.
func CoreTime(pid, core int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return 0, fmt.Errorf("threads of process %d: %w", pid, err)
	}
	var sum time.Duration
	found := false
	for _, task := range tasks {
		status, err := os.ReadFile(task + "/status")
		if err != nil {
			continue // the thread has ended
		}
		if !strings.Contains(string(status), fmt.Sprintf("\nCpus_allowed_list:\t%d\n", core)) {
			continue
		}
		stat, err := os.ReadFile(task + "/schedstat")
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(stat), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s/schedstat: %w", task, err)
		}
		sum, found = sum+time.Duration(ns), true
	}
	if !found {
		return 0, fmt.Errorf("process %d has no thread that is pinned to core %d", pid, core)
	}
	return sum, nil
}
