package setup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/bench"
)

func TestCasesOfJobs(t *testing.T) {
	o := Defaults
	o.Jobs = []string{"memory", "pop", "newflows"}
	got, err := o.cases()
	if err != nil {
		t.Fatal(err)
	}
	want := []bench.Case{
		{Job: bench.Pop, Flows: 64}, {Job: bench.Pop, Flows: 10000}, {Job: bench.NewFlows, Flows: 64},
		{Job: bench.Memory, Flows: 100_000}, {Job: bench.Memory, Flows: 1_000_000},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("cases: %s", d)
	}
	o.Jobs = []string{"dance"}
	if _, err := o.cases(); err == nil {
		t.Error("job dance exists")
	}
}

func TestCheckNamesTheBadValue(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: check refuses everything else first")
	}
	for name, spoil := range map[string]func(*Options){
		"rounds 0":      func(o *Options) { o.Rounds = 0 },
		"vnis 0":        func(o *Options) { o.VNIs = 0 },
		"batch 70000":   func(o *Options) { o.Batch = 70000 },
		"rate 0":        func(o *Options) { o.NewRate = 0 },
		"flows 0":       func(o *Options) { o.Flows = []int{64, 0} },
		"flows 9000000": func(o *Options) { o.Tables = []int{9000000} },
		"window 1ns":    func(o *Options) { o.Window = 1 },
		`proto "sctp"`:  func(o *Options) { o.Proto = "sctp" },
		`subject "vpp"`: func(o *Options) { o.Subjects = []string{"vpp"} },
		"install-flows": func(o *Options) { o.Install = -1 },
		"distinct flows": func(o *Options) {
			o.NewRate, o.Window = 1_000_000, 10_000_000_000
		},
	} {
		o := Defaults
		spoil(&o)
		if _, err := o.check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := Defaults
	if proto, err := o.check(); proto != 17 || err != nil {
		t.Errorf("the defaults: protocol %d, %v", proto, err)
	}
}

func TestCores(t *testing.T) {
	allowed, err := allowedCPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(allowed) < 2 {
		if _, _, err := Cores(-1); err == nil {
			t.Errorf("a core under test was found among %v", allowed)
		}
		return
	}
	core, others, err := Cores(-1)
	if err != nil {
		t.Fatal(err)
	}
	if core != allowed[len(allowed)-1] || len(others) != len(allowed)-1 {
		t.Errorf("of %v: core %d, others %v", allowed, core, others)
	}
	if _, _, err := Cores(4096); err == nil {
		t.Error("core 4096 was found")
	}
}

func TestHuge(t *testing.T) {
	for mode, want := range map[string]bool{"huge": true, "4k": false} {
		if got, err := Huge(mode); got != want || err != nil {
			t.Errorf("Huge(%q) = %v, %v", mode, got, err)
		}
	}
	if _, err := Huge("some"); err == nil {
		t.Error("memory mode some exists")
	}
	if got := meminfo("HugePages_Free:      643\nHugepagesize:       2048 kB\n", "Hugepagesize"); got != 2048 {
		t.Errorf("Hugepagesize %d, not 2048", got)
	}
}

func TestSweepRemovesOnlyWhatIsOrphaned(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(tmp, dirPrefix+strconv.Itoa(dead.Process.Pid)+"-1")
	mine := filepath.Join(tmp, dirPrefix+strconv.Itoa(os.Getpid())+"-1")
	other := filepath.Join(tmp, "skua-bench-notes")
	for _, d := range []string{old, mine, other} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	for d, want := range map[string]bool{old: false, mine: true, other: true} {
		if _, err := os.Stat(d); (err == nil) != want {
			t.Errorf("%s after the sweep: %v", d, err)
		}
	}
}
