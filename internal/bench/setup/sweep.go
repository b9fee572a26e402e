package setup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/skua/skua/internal/bench/peers"
)

const dirPrefix = "skua-bench-"

// sweep removes what a run that was killed outright could not remove itself:
// folders and network namespaces that carry the number of a process that is gone.
func sweep() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	if err != nil {
		return fmt.Errorf("folders of former runs: %w", err)
	}
	for _, dir := range dirs {
		if gone(filepath.Base(dir), dirPrefix) {
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("folder of a former run: %w", err)
			}
		}
	}
	spaces, err := filepath.Glob(filepath.Join("/run/netns", peers.NetnsPrefix+"*"))
	if err != nil {
		return fmt.Errorf("network namespaces of former runs: %w", err)
	}
	for _, path := range spaces {
		name := filepath.Base(path)
		if !gone(name, peers.NetnsPrefix) {
			continue
		}
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			return fmt.Errorf("network namespace %s of a former run: %w: %s", name, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// gone reports whether the process whose number follows prefix in name has ended.
func gone(name, prefix string) bool {
	number, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "-")
	pid, err := strconv.Atoi(number)
	if err != nil {
		return false
	}
	_, err = os.Stat(fmt.Sprintf("/proc/%d", pid))
	return os.IsNotExist(err)
}
