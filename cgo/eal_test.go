//go:build linux && cgo

package cgo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/skua/skua/internal/dp"
)

// child runs in a process of its own, which may start EAL in a way that fails.
func child(what string) int {
	cfg := EALConfig{FilePrefix: "skua-cgo-child", MemMB: 64}
	switch what {
	case "too-much-memory":
		cfg.MemMB = 1 << 30 // 1 PB: no address space has it
	case "twice":
		e, err := StartEAL(cfg)
		if err != nil {
			fmt.Println("first start failed:", err)
			return 1
		}
		defer e.Close()
	}
	e, err := StartEAL(cfg)
	if err == nil {
		if err := e.Close(); err != nil {
			fmt.Println("stop failed:", err)
			return 1
		}
		fmt.Println("started and stopped")
		return 0
	}
	fmt.Println(err)
	return 0
}

func runChild(t *testing.T, what string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("child %s: %v\n%s", what, err, out)
	}
	return string(out)
}

func TestEALFailureNamesReason(t *testing.T) {
	got := runChild(t, "too-much-memory")
	for _, want := range []string{"start EAL with", "-m 1073741824", "--no-pci", "rte_eal_init", "DPDK said: EAL: "} {
		if !strings.Contains(got, want) {
			t.Errorf("the error does not say %q: %s", want, got)
		}
	}
	leftNothing(t)
}

func TestEALStopLeavesNothing(t *testing.T) {
	if got := runChild(t, "plain"); !strings.Contains(got, "started and stopped") {
		t.Errorf("child said: %s", got)
	}
	leftNothing(t)
}

func leftNothing(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob("/var/run/dpdk/skua-cgo-child*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (error %v)", left, err)
	}
}

func TestEALStartsOnce(t *testing.T) {
	if got := runChild(t, "twice"); !strings.Contains(got, ErrEALStarted.Error()) {
		t.Errorf("second start said: %s", got)
	}
	if _, err := StartEAL(EALConfig{}); !errors.Is(err, ErrEALStarted) {
		t.Errorf("error %v, expected ErrEALStarted", err)
	}
}

func TestEALArguments(t *testing.T) {
	tests := []struct {
		name    string
		cfg     EALConfig
		want    []string
		notWant []string
	}{
		{"default", EALConfig{}, []string{"--no-pci", "--no-huge", "--no-shconf", "-m 1024", "--iova-mode va", "--no-telemetry", "--file-prefix skua-"}, []string{"--in-memory"}},
		{"huge", EALConfig{Huge: true, FilePrefix: "x"}, []string{"--no-pci", "--in-memory", "--file-prefix x"}, []string{"--no-huge", "-m "}},
		{"pci", EALConfig{Huge: true, MemMB: 512, PCI: true}, []string{"-a 0000:00:00.0", "-m 512"}, []string{"--no-pci", "--iova-mode"}},
		{"pci without hugepages", EALConfig{PCI: true}, []string{"-a 0000:00:00.0", "--iova-mode va"}, []string{"--no-pci"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args, err := tt.cfg.args()
			if err != nil {
				t.Fatal(err)
			}
			line := strings.Join(args, " ")
			for _, w := range tt.want {
				if !strings.Contains(line, w) {
					t.Errorf("%q is missing in: %s", w, line)
				}
			}
			for _, w := range tt.notWant {
				if strings.Contains(line, w) {
					t.Errorf("%q must not be in: %s", w, line)
				}
			}
		})
	}
	for _, bad := range []EALConfig{{FilePrefix: "a/b"}, {MemMB: -1}, {IOVA: "xy"}} {
		if _, err := bad.args(); !errors.Is(err, dp.ErrInvalid) {
			t.Errorf("%+v: error %v, expected invalid", bad, err)
		}
	}
}

func TestDPDKLogReachesZap(t *testing.T) {
	for _, l := range ealLogs.All() {
		if l.ContextMap()["module"] == "EAL" && l.Message != "" && l.Level == zapcore.InfoLevel {
			return
		}
		if strings.Contains(l.Message, "<") {
			t.Errorf("a level is left in the text: %q", l.Message)
		}
	}
	t.Errorf("no line of EAL among %d", ealLogs.Len())
}

func TestSplitLogLine(t *testing.T) {
	tests := []struct {
		in     string
		level  zapcore.Level
		module string
		msg    string
	}{
		{"EAL: Detected CPU lcores: 2", zapcore.InfoLevel, "EAL", "Detected CPU lcores: 2"},
		{"<4>EAL: cannot open", zapcore.ErrorLevel, "EAL", "cannot open"},
		{"<5>PMD: odd", zapcore.WarnLevel, "PMD", "odd"},
		{"<8>x", zapcore.DebugLevel, "dpdk", "x"},
		{"a sentence: with a colon", zapcore.InfoLevel, "dpdk", "a sentence: with a colon"},
		{"", zapcore.InfoLevel, "dpdk", ""},
	}
	for _, tt := range tests {
		level, module, msg := splitLogLine(tt.in)
		if level != tt.level || module != tt.module || msg != tt.msg {
			t.Errorf("%q: %v %q %q", tt.in, level, module, msg)
		}
	}
}

func TestErrorWrapsBothKinds(t *testing.T) {
	err := fail("ask", -17, nil)
	if !errors.Is(err, dp.ErrExist) || err.Error() != "ask: file exists" {
		t.Errorf("error %q does not wrap ErrExist", err)
	}
}
