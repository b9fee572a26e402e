package obs

import (
	"errors"
	"fmt"
	"os"
)

// ErrNoFile says that the log has no file to reopen.
//
//lint:ignore ST1005 Open vSwitch's text
var ErrNoFile = errors.New("Logging to file not configured")

// logFile is the file destination.
type logFile struct {
	path string // "": none configured
	f    *os.File
}

// OpenFile sends messages to the file at path too, behind what it has already.
func (l *Log) OpenFile(path string) error {
	l.mu.Lock()
	err := l.file.open(path)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	l.Logger("vlog").Info("opened log file " + path)
	return nil
}

// Reopen closes the file and opens its path again, for a log rotator that has
// renamed the file. Without a file it returns [ErrNoFile].
func (l *Log) Reopen() error {
	l.mu.Lock()
	path := l.file.path
	l.mu.Unlock()
	if path == "" {
		return ErrNoFile
	}
	return l.OpenFile(path)
}

// CloseFile stops logging to the file until Reopen.
func (l *Log) CloseFile() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.close()
}

func (f *logFile) open(path string) error {
	next, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("log file: %w", err)
	}
	_ = f.close()
	f.path, f.f = path, next
	return nil
}

func (f *logFile) close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}

// write drops the line where there is no file; a full disk must not stop the daemon.
func (f *logFile) write(line string) {
	if f.f != nil {
		_, _ = f.f.WriteString(line)
	}
}
