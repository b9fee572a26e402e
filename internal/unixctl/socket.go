package unixctl

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// SocketPath returns the path of a daemon's control socket, where ovs-appctl looks
// once it has read the pid in RUNDIR/NAME.pid.
func SocketPath(rundir, name string, pid int) string {
	return filepath.Join(rundir, fmt.Sprintf("%s.%d.ctl", name, pid))
}

// InUseError says that another process serves the socket.
type InUseError struct {
	Path string
	PID  int // 0: unknown
}

func (e *InUseError) Error() string {
	who := "a process of unknown pid"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("%s: %s already serves this socket; stop it or choose another path", e.Path, who)
}

// socket is a listening socket and the file that names it.
type socket struct {
	*net.UnixListener
	path string
	info os.FileInfo
}

// listen binds path. A socket file that nobody serves any more is replaced; one
// that is served is an *InUseError; any other file stays and is an error.
func listen(path string) (*socket, error) {
	bindable, release, err := shorten(path)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	defer release()
	addr := &net.UnixAddr{Name: bindable, Net: "unix"}
	l, err := net.ListenUnix("unix", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		if err := removeStale(path, addr); err != nil {
			return nil, err
		}
		l, err = net.ListenUnix("unix", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // by its short name; close() removes what is ours
	// Whoever may write to the socket commands the switch: the group may, as with
	// Open vSwitch's, everybody else may not.
	err = os.Chmod(path, 0o770)
	info, statErr := os.Lstat(path)
	if err = errors.Join(err, statErr); err != nil {
		_ = l.Close()
		_ = os.Remove(path)
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return &socket{UnixListener: l, path: path, info: info}, nil
}

// close stops listening and removes the file unless somebody has replaced it.
func (s *socket) close() error {
	err := s.UnixListener.Close()
	now, statErr := os.Lstat(s.path)
	if statErr == nil && os.SameFile(now, s.info) {
		err = errors.Join(err, os.Remove(s.path))
	}
	return err
}

// removeStale removes the socket file at path if nobody accepts connections on it.
func removeStale(path string, addr *net.UnixAddr) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("control socket %s: %w", path, err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("control socket %s: a file that is no socket stands there; remove it", path)
	}
	conn, err := net.DialTimeout("unix", addr.Name, time.Second)
	switch {
	case err == nil:
		defer func() { _ = conn.Close() }()
		return &InUseError{Path: path, PID: peerPID(conn.(*net.UnixConn))}
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("stale control socket: %w", err)
		}
		return nil
	case errors.Is(err, os.ErrNotExist):
		return nil
	default: // a full backlog, for one: somebody is there
		return fmt.Errorf("control socket %s is in use or cannot be tried: %w", path, err)
	}
}

// peerPID returns the process that listens behind a connection (SO_PEERCRED), 0 if unknown.
func peerPID(c *net.UnixConn) int {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	err = raw.Control(func(fd uintptr) {
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	if err != nil {
		return 0
	}
	return pid
}

// maxSocketName is the longest path that sockaddr_un holds (unix(7)).
const maxSocketName = 107

// shorten returns a name for path that fits a socket address: path itself, or the
// same file through a descriptor of its folder, which release closes.
func shorten(path string) (name string, release func(), err error) {
	if len(path) <= maxSocketName {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	name = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if len(name) > maxSocketName {
		_ = dir.Close()
		return "", nil, fmt.Errorf("file name longer than a socket's name may be (%d bytes)", maxSocketName)
	}
	return name, func() { _ = dir.Close() }, nil
}
