//go:build linux && cgo

package cgo

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/skua/skua/internal/dp"
)

// ErrClosed is returned by methods of a datapath or an EAL that has been closed.
var ErrClosed = errors.New("datapath is closed")

// Error is a call that the data plane refused. It wraps the errno and, where one
// fits, the error of package dp: errors.Is(err, dp.ErrNotFound).
type Error struct {
	Op    string        // what was asked: "add port \"veth0\""
	Text  string        // the data plane's own words, may be empty
	Errno syscall.Errno // why
}

// Error returns the call and the data plane's words, or the errno's where it has none.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Op + ": " + e.Errno.Error()
	}
	return e.Op + ": " + e.Text
}

// Unwrap returns the errno and the error of package dp that it stands for.
func (e *Error) Unwrap() []error {
	if s := sentinel(e.Errno); s != nil {
		return []error{e.Errno, s}
	}
	return []error{e.Errno}
}

// sentinel returns the error of package dp that an errno stands for, or nil.
func sentinel(no syscall.Errno) error {
	switch no {
	case syscall.EEXIST:
		return dp.ErrExist
	case syscall.ENOENT, syscall.ENODEV, syscall.ENXIO:
		return dp.ErrNotFound
	case syscall.EINVAL, syscall.E2BIG, syscall.ERANGE:
		return dp.ErrInvalid
	case syscall.ENOSPC, syscall.ENOBUFS:
		return dp.ErrFull
	case syscall.ENOTSUP:
		return dp.ErrNotSupported
	}
	return nil
}

// fail makes an error of a negative return code; e may be nil.
func fail(op string, rc int, e *rawErr) error {
	err := &Error{Op: op, Errno: syscall.Errno(-rc)}
	if e != nil {
		err.Text = errText(e)
	}
	return err
}

// invalid is an error of what the caller handed over, found before C saw it.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", dp.ErrInvalid, fmt.Sprintf(format, args...))
}
