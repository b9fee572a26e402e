package proc

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cores are the cores that this test may use.
func cores(t *testing.T) []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		if set.IsSet(i) {
			return []int{i}
		}
	}
	t.Fatal("no core below 64 is allowed")
	return nil
}

func start(t *testing.T, stdin []byte, args ...string) *Proc {
	t.Helper()
	p, err := Start(Command{Cores: cores(t), Args: args, Stdin: stdin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func TestWriteAndWaitFor(t *testing.T) {
	p := start(t, nil, "sh", "-c", "while read l; do echo got-$l; done")
	if err := p.Write("one\n"); err != nil {
		t.Fatal(err)
	}
	out, err := p.WaitFor(t.Context(), 0, 5*time.Second, "an answer", func(s string) bool { return strings.Contains(s, "got-one\n") })
	if err != nil || out != "got-one\n" {
		t.Errorf("answer %q, %v", out, err)
	}
}

func TestWaitForEnds(t *testing.T) {
	never := func(string) bool { return false }
	p := start(t, []byte{}, "sleep", "60")
	if _, err := p.WaitFor(t.Context(), 0, 30*time.Millisecond, "a word", never); err == nil || !strings.Contains(err.Error(), "no a word within 30ms") {
		t.Errorf("a silent child: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.WaitFor(ctx, 0, time.Minute, "a word", never); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v", err)
	}
	q := start(t, []byte{}, "sh", "-c", "echo why >&2; exit 3")
	if _, err := q.WaitFor(t.Context(), 0, time.Minute, "a word", never); err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("a child that ended: %v", err)
	}
	if err := q.Running(); err == nil {
		t.Error("a child that ended is running")
	}
	if err := q.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 3; its last words: why") {
		t.Errorf("wait for a child that failed: %v", err)
	}
}

func TestStopKillsTheStubborn(t *testing.T) {
	p := start(t, []byte{}, "sh", "-c", "trap '' TERM; sleep 600 & echo $!; wait; while :; do sleep 1; done")
	out, err := p.WaitFor(t.Context(), 0, 5*time.Second, "a number", func(s string) bool { return strings.HasSuffix(s, "\n") })
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.Stop()
	if d := time.Since(began); d < StopTimeout/2 || d > StopTimeout+5*time.Second {
		t.Errorf("a child that ignores SIGTERM was gone after %v", d)
	}
	for end := time.Now().Add(2 * time.Second); running(t, strings.TrimSpace(out)); {
		if time.Now().After(end) {
			t.Fatalf("process %s of its group still runs", strings.TrimSpace(out))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// running reports whether a process exists and is not a zombie (proc_pid_stat(5)).
func running(t *testing.T, pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestChildKeepsToItsCores(t *testing.T) {
	p := start(t, []byte{}, "grep", "Cpus_allowed_list", "/proc/self/status")
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(p.Output())
	want := ""
	if c := cores(t); len(c) == 1 {
		want = strconv.Itoa(c[0])
	}
	if len(fields) != 2 || fields[1] != want {
		t.Errorf("allowed cores %q, not %s", p.Output(), want)
	}
}

func TestCoreTimeIsWhatAPinnedThreadRan(t *testing.T) {
	core := cores(t)[0]
	p := start(t, []byte{}, "sh", "-c", "while :; do :; done")
	first, t0 := waitCoreTime(t, p, core), time.Now()
	for ran := first; ran == first; time.Sleep(10 * time.Millisecond) {
		if time.Since(t0) > 20*time.Second {
			t.Fatal("a busy thread does not run")
		}
		var err error
		if ran, err = CoreTime(p.Pid(), core); err != nil {
			t.Fatal(err)
		}
		if wall := time.Since(t0); ran-first > wall+50*time.Millisecond {
			t.Fatalf("one thread ran %v in %v", ran-first, wall)
		}
	}
	if _, err := CoreTime(p.Pid(), core+1); err == nil {
		t.Errorf("a thread pinned to core %d is pinned to core %d", core, core+1)
	}
}

// waitCoreTime waits until taskset has pinned the child.
func waitCoreTime(t *testing.T, p *Proc, core int) time.Duration {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if ran, err := CoreTime(p.Pid(), core); err == nil {
			return ran
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Start(Command{Cores: []int{0}, Args: []string{"sleep"}}); err == nil || !errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "not found") {
		t.Errorf("start without taskset: %v", err)
	}
}
