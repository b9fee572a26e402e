package lab

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// allowedCPUs lists the CPUs that this process may run on, ascending
// (sched_getaffinity(2)).
func allowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("allowed CPUs: %w", err)
	}
	var out []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			out = append(out, i)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("allowed CPUs: none")
	}
	return out, nil
}

// freeHugeMB returns how many MB of default-sized hugepages nobody uses or has
// reserved (/proc/meminfo); 0 where the kernel has none.
func freeHugeMB() int {
	v := meminfo("HugePages_Free", "HugePages_Rsvd", "Hugepagesize")
	free := v["HugePages_Free"] - v["HugePages_Rsvd"]
	return max(0, free*v["Hugepagesize"]/1024)
}

// meminfo returns the named values of /proc/meminfo, in the file's units.
func meminfo(names ...string) map[string]int {
	out := make(map[string]int, len(names))
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return out
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		key, rest, _ := strings.Cut(s.Text(), ":")
		for _, n := range names {
			if key == n {
				out[key], _ = strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			}
		}
	}
	return out
}
