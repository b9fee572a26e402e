package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skua/skua/internal/lab/ui"
)

// asLab, set in the environment, makes the test binary a lab with that switch.
const asLab = "SKUA_LAB_TEST_AS_LAB"

// labProcess is a lab as the command runs it.
func labProcess() int {
	ctx, force, stop := Signals(context.Background())
	defer stop()
	res, err := Run(ctx, Options{
		Switch: os.Getenv(asLab), Skua: os.Getenv("SKUA_LAB_TEST_BIN"), CPU: -1, UI: &ui.Plain{W: os.Stdout}, Force: force,
		NoHuge: os.Getenv("SKUA_LAB_TEST_NO_HUGE") != "",
	})
	switch {
	case res == nil:
		fmt.Println(err)
		return 2
	case res.Interrupted != "":
		return 130
	case !res.OK():
		return 1
	}
	return 0
}

// labSwitches are the switches to try: the kernel, and Skua where it has been built.
func labSwitches(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{SwitchKernel: ""}
	bin, err := filepath.Abs("../../build/bin/skua")
	if err == nil {
		_, err = os.Stat(bin)
	}
	if err != nil {
		t.Logf("without Skua: scripts/build makes it: %v", err)
		return out
	}
	out[SwitchSkua] = bin
	return out
}

// startLab starts a lab as a process and returns it and the id of its run.
func startLab(t *testing.T, kind, bin string) (*exec.Cmd, string) {
	t.Helper()
	before := map[string]bool{}
	for _, r := range runs() {
		before[r.ID] = true
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asLab+"="+kind, "SKUA_LAB_TEST_BIN="+bin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, r := range runs() {
			if r.Owner.PID == cmd.Process.Pid {
				return cmd, r.ID
			}
		}
	}
	_ = cmd.Process.Kill()
	t.Fatal("the lab made no run")
	return nil, ""
}

// TestInterrupt sends signals at many moments; whatever the lab was doing, nothing
// is left when it has ended.
func TestInterrupt(t *testing.T) {
	needHosts(t)
	if testing.Short() {
		t.Skip("takes some ten seconds")
	}
	moments := []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond, 120 * time.Millisecond,
		300 * time.Millisecond, time.Second, 2500 * time.Millisecond}
	for kind, bin := range labSwitches(t) {
		for i, at := range moments {
			at += time.Duration(rand.IntN(10)) * time.Millisecond
			sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}[i%3]
			t.Run(fmt.Sprintf("%s/%v/%v", kind, sig, at), func(t *testing.T) {
				cmd, id := startLab(t, kind, bin)
				time.Sleep(at)
				_ = cmd.Process.Signal(sig)
				if i%2 == 1 { // impatient
					time.Sleep(10 * time.Millisecond)
					_ = cmd.Process.Signal(sig)
					_ = cmd.Process.Signal(sig)
				}
				ended(t, cmd, 15*time.Second)
				if code := cmd.ProcessState.ExitCode(); code != 130 {
					t.Errorf("exit status %d", code)
				}
				if left := leftovers(id); left != nil {
					t.Errorf("left behind: %v", left)
					_ = remove(id)
				}
			})
		}
	}
}

// ended waits for the process's end.
func ended(t *testing.T, cmd *exec.Cmd, limit time.Duration) {
	t.Helper()
	errc := make(chan error, 1)
	go func() { errc <- cmd.Wait() }()
	select {
	case <-errc:
	case <-time.After(limit):
		_ = cmd.Process.Kill()
		<-errc
		t.Errorf("still ran after %v", limit)
	}
}

// TestKilled kills the lab outright: its children go with it, the next lab says what
// is left, and Clean removes it, but not the run of a lab that lives.
func TestKilled(t *testing.T) {
	needHosts(t)
	ctx := context.Background()
	for kind, bin := range labSwitches(t) {
		t.Run(kind, func(t *testing.T) {
			alive, aliveID := startLab(t, SwitchKernel, "")
			cmd, id := startLab(t, kind, bin)
			time.Sleep(700 * time.Millisecond)
			_ = cmd.Process.Kill()
			ended(t, cmd, 5*time.Second)
			if got := strings.Join(stale(), " "); !strings.Contains(got, id) || strings.Contains(got, aliveID) {
				t.Errorf("stale: %q; killed %s, alive %s", got, id, aliveID)
			}
			removed, busy, err := Clean(ctx, aliveID)
			if err != nil || removed != nil || len(busy) != 1 {
				t.Errorf("clean of a run that lives: removed %v, busy %v, %v", removed, busy, err)
			}
			removed, busy, err = Clean(ctx, id)
			if err != nil || len(removed) != 1 || busy != nil {
				t.Errorf("clean: removed %v, busy %v, %v", removed, busy, err)
			}
			if left := leftovers(id); left != nil {
				t.Errorf("left behind: %v", left)
			}
			_ = alive.Process.Signal(syscall.SIGINT)
			ended(t, alive, 15*time.Second)
			if left := leftovers(aliveID); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if _, _, err := Clean(ctx, "no-such-run"); err == nil {
		t.Error("clean of a run that does not exist: no error")
	}
}

// TestStepFails makes a step of the set-up fail; the rest is not run, and cleaned up.
func TestStepFails(t *testing.T) {
	needHosts(t)
	defer goleak.VerifyNone(t)
	res, err := Run(context.Background(), Options{Skua: "/bin/false", CPU: -1, NoHuge: true})
	if err != nil {
		t.Fatal(err)
	}
	passed, failed, skipped := res.Count()
	if res.OK() || failed != 1 || passed < 3 || skipped < 30 {
		t.Errorf("%d passed, %d failed, %d skipped", passed, failed, skipped)
	}
	if left := leftovers(res.ID); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestCancel ends runs within this process and looks for goroutines as well.
func TestCancel(t *testing.T) {
	needHosts(t)
	defer goleak.VerifyNone(t)
	for _, after := range []time.Duration{0, 100 * time.Millisecond, 700 * time.Millisecond} {
		ctx, cancel := context.WithTimeoutCause(context.Background(), after, ErrInterrupted)
		res, err := Run(ctx, Options{Switch: SwitchKernel, CPU: -1})
		cancel()
		if err != nil || !strings.Contains(res.Interrupted, ErrInterrupted.Error()) || res.OK() {
			t.Errorf("after %v: %v, %+v", after, err, res)
		}
		if left := leftovers(res.ID); left != nil {
			t.Errorf("after %v left behind: %v", after, left)
		}
	}
}

// TestKeep leaves a run, and removes it by Clean.
func TestKeep(t *testing.T) {
	needHosts(t)
	ctx := context.Background()
	l := newTestLab(t)
	if err := l.sh.each(ctx, l.topo.makeHosts()...); err != nil {
		t.Fatal(err)
	}
	if _, err := l.keep(ctx); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(stale(), " "), l.st.ID) {
		t.Error("a run that is kept on purpose is called stale")
	}
	hints := strings.Join(l.res.Hints(), "\n")
	if !strings.Contains(hints, "skua lab --clean "+l.st.ID) || !strings.Contains(hints, l.topo.ns(hostA1)) {
		t.Errorf("hints: %s", hints)
	}
	// The owner is this very process, so for Clean the run goes on; let it be another.
	l.st.Owner = procID{}
	if err := errors.Join(l.st.save(), os.Chtimes(stateDir(l.st.ID), time.Unix(1, 0), time.Unix(1, 0))); err != nil {
		t.Fatal(err)
	}
	removed, _, err := Clean(ctx, l.st.ID)
	if err != nil || len(removed) != 1 || leftovers(l.st.ID) != nil {
		t.Errorf("removed %v, %v; left %v", removed, err, leftovers(l.st.ID))
	}
}
