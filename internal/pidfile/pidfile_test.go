package pidfile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// holdEnv makes the test binary hold the pidfile that it names until its standard
// input ends: locks are only visible between processes.
const holdEnv = "SKUA_TEST_HOLD_PIDFILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdEnv); path != "" {
		f, err := Create(path)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		if os.Getenv(holdEnv+"_KEEP") == "" {
			_ = f.Remove()
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hold starts a process that holds path and returns its pid and a function that ends it.
func hold(t *testing.T, path string, env ...string) (int, func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), holdEnv+"="+path), env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("holder: %v", err)
		}
	})
	t.Cleanup(stop)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("holder said %q, %v", line, err)
	}
	return cmd.Process.Pid, stop
}

func TestCreateAndRemove(t *testing.T) {
	path := Path(t.TempDir(), "ovs-vswitchd")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command("cat", path).Output() // not from here: see the package's comment
	if want := fmt.Sprintf("%d\n", os.Getpid()); err != nil || string(text) != want {
		t.Errorf("file has %q, %v, want %q", text, err, want)
	}
	var heldErr *HeldError
	if _, err := Create(path); !errors.As(err, &heldErr) || heldErr.PID != os.Getpid() {
		t.Errorf("second Create in this process: %v, want HeldError with pid %d", err, os.Getpid())
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if err := f.Remove(); err != nil {
		t.Errorf("second Remove: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestHeldByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pid")
	pid, stop := hold(t, path)
	if got, err := Read(path); err != nil || got != pid {
		t.Errorf("Read = %d, %v, want %d", got, err, pid)
	}
	var heldErr *HeldError
	_, err := Create(path)
	if !errors.As(err, &heldErr) || heldErr.PID != pid {
		t.Fatalf("Create = %v, want HeldError with pid %d", err, pid)
	}
	want := fmt.Sprintf("%s: already running as pid %d; stop that daemon or choose another pidfile", path, pid)
	if err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("refused Create left %v", entries)
	}
	if got, err := Read(path); err != nil || got != pid {
		t.Errorf("after the refusal Read = %d, %v, want %d", got, err, pid)
	}
	stop()
	f, err := Create(path)
	if err != nil {
		t.Fatalf("Create after the holder ended: %v", err)
	}
	_ = f.Remove()
}

func TestStaleFileIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pid")
	_, stop := hold(t, path, holdEnv+"_KEEP=1")
	stop()
	if _, err := Read(path); !errors.Is(err, ErrStale) {
		t.Fatalf("Read = %v, want ErrStale", err)
	}
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
}

func TestRemoveKeepsAnotherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pid")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	pid, _ := hold(t, path)
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if got, err := Read(path); err != nil || got != pid {
		t.Errorf("Read = %d, %v, want the other process's %d", got, err, pid)
	}
}

func TestFolderMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "x.pid")
	if _, err := Create(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Create = %v, want not exist", err)
	}
	if _, err := Read(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Read = %v, want not exist", err)
	}
}
