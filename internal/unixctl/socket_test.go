package unixctl

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocketInUse(t *testing.T) {
	s := serve(t)
	var inUse *InUseError
	_, err := NewServer(s.Path(), nil)
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Fatalf("second server on the socket: %v, want InUseError with pid %d", err, os.Getpid())
	}
	if got := talk(t, s, `{"method":"version","params":[],"id":0}`); !strings.Contains(got, "skua") {
		t.Errorf("the first server answers %q afterwards", got)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.ctl")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	s, err := NewServer(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o770 {
		t.Errorf("mode %v, %v, want 0770", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOtherFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.ctl")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewServer(path, nil); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("NewServer = %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("file now %q, %v", text, err)
	}
}

func TestCloseKeepsAnotherSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.ctl")
	old, err := NewServer(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the new server's socket: %v", err)
	}
	_ = s.Close()
}

func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := SocketPath(dir, "ovs-vswitchd", 12)
	for range 2 { // the second time over the first one's path
		s, err := NewServer(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(s.Path()) != "ovs-vswitchd.12.ctl" {
			t.Errorf("path %q", s.Path())
		}
		if _, err := NewServer(path, nil); !errors.As(err, new(*InUseError)) {
			t.Errorf("second server: %v", err)
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = s.Serve(context.Background()) }()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-done
	}
	if _, err := NewServer(filepath.Join(dir, strings.Repeat("f", 120)), nil); err == nil {
		t.Error("a file name that no socket can have was taken")
	}
}

func TestFolderMissing(t *testing.T) {
	_, err := NewServer(filepath.Join(t.TempDir(), "none", "t.ctl"), nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("NewServer = %v, want not exist", err)
	}
}
