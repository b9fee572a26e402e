// Package pidfile keeps a daemon's pidfile: a text file with the pid in decimal,
// on which the living daemon holds a write lock (fcntl(2), F_SETLK, whole file).
// The lock, not the text, says that the daemon lives: ovs-appctl(8) and Open
// vSwitch's own daemons test it before they believe the number.
//
// POSIX record locks belong to the process and are lost when the process closes
// any descriptor of the file: nothing else in the daemon may open the pidfile.
package pidfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// HeldError says that a live process holds the pidfile.
type HeldError struct {
	Path string
	PID  int
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s: already running as pid %d; stop that daemon or choose another pidfile",
		e.Path, e.PID)
}

// ErrStale says that the file exists and nobody holds it.
var ErrStale = errors.New("stale pidfile: no process holds its lock")

// File is a pidfile that this process holds.
type File struct {
	path string
	info os.FileInfo
	f    *os.File // carries the lock
	once sync.Once
}

// held has the files of this process, since record locks do not keep a process
// from locking twice.
var held struct {
	sync.Mutex
	files map[string]bool // by absolute path
}

// Path returns RUNDIR/NAME.pid.
func Path(rundir, name string) string { return filepath.Join(rundir, name+".pid") }

// attempts bounds how often Create begins anew because others remove or create
// the file at the same time.
const attempts = 16

// Create makes the pidfile at path for this process and locks it. A file that
// nobody holds is replaced; one that a live process holds is a [*HeldError] and
// stays as it is. The file appears with its text and lock in place at once.
func Create(path string) (*File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("pidfile %s: %w", path, err)
	}
	held.Lock()
	defer held.Unlock()
	if held.files[abs] {
		return nil, &HeldError{Path: path, PID: os.Getpid()}
	}
	f, tmp, err := createLocked(abs)
	if err != nil {
		return nil, fmt.Errorf("pidfile %s: %w", path, err)
	}
	err = publish(tmp, abs, path)
	info, statErr := f.Stat()
	if err = errors.Join(err, statErr, os.Remove(tmp)); err != nil {
		_ = f.Close()
		return nil, err
	}
	if held.files == nil {
		held.files = make(map[string]bool)
	}
	held.files[abs] = true
	return &File{path: abs, info: info, f: f}, nil
}

// createLocked makes a temporary file beside path with the pid in it, locked.
func createLocked(path string) (f *os.File, tmp string, err error) {
	tmp = fmt.Sprintf("%s.tmp%d", path, os.Getpid())
	// Left by a process that had this pid and died; this process holds held's lock.
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, "", err
	}
	f, err = os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, "", err
	}
	_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	if err == nil {
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, wholeFile())
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(tmp)
		return nil, "", err
	}
	return f, tmp, nil
}

// publish gives the file tmp the name path, and removes a stale file that has it.
func publish(tmp, path, shown string) error {
	for range attempts {
		err := os.Link(tmp, path)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("pidfile %s: %w", shown, err)
		}
		if err := removeStale(path, shown); err != nil {
			return err
		}
	}
	return fmt.Errorf("pidfile %s: other processes keep creating it", shown)
}

// removeStale removes the file at path, or returns a *HeldError. nil also means
// that somebody else has changed it meanwhile.
func removeStale(path, shown string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pidfile %s: %w", shown, err)
	}
	defer func() { _ = f.Close() }()
	// Taking the lock makes this process the only one that removes this file.
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, wholeFile()); err != nil {
		if pid, holderErr := holder(f); holderErr == nil && pid != 0 {
			return &HeldError{Path: shown, PID: pid}
		}
		return nil // its holder has gone just now: look again
	}
	mine, err := f.Stat()
	if err != nil {
		return fmt.Errorf("pidfile %s: %w", shown, err)
	}
	now, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || (err == nil && !os.SameFile(mine, now)) {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("pidfile %s: %w", shown, err)
	}
	return nil
}

// Remove removes the file, unless somebody has replaced it, and gives the lock
// back. Calls after the first do nothing.
func (p *File) Remove() (err error) {
	p.once.Do(func() {
		held.Lock()
		defer held.Unlock()
		delete(held.files, p.path)
		if now, statErr := os.Lstat(p.path); statErr == nil && os.SameFile(now, p.info) {
			err = os.Remove(p.path)
		}
		err = errors.Join(err, p.f.Close())
	})
	return err
}

// Read returns the pid of the process that holds the pidfile at path. A file that
// nobody holds is [ErrStale]. A process must not read its own pidfile so: it would
// lose its lock.
func Read(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("pidfile: %w", err)
	}
	defer func() { _ = f.Close() }()
	pid, err := holder(f)
	if err != nil {
		return 0, fmt.Errorf("pidfile %s: %w", path, err)
	}
	if pid == 0 {
		return 0, fmt.Errorf("%s: %w", path, ErrStale)
	}
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, fmt.Errorf("pidfile %s: %w", path, err)
	}
	said, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || said != pid {
		return 0, fmt.Errorf("pidfile %s: says %q but process %d holds it", path, text, pid)
	}
	return pid, nil
}

// holder returns the process other than this one that has f locked, 0 if none.
func holder(f *os.File) (int, error) {
	lock := wholeFile()
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, lock); err != nil {
		return 0, err
	}
	if lock.Type == syscall.F_UNLCK {
		return 0, nil
	}
	return int(lock.Pid), nil
}

func wholeFile() *syscall.Flock_t {
	return &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
}
