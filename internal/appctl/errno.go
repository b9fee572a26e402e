package appctl

import (
	"errors"
	"strings"
	"syscall"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/odp"
)

// errnoOf returns the errno whose text Open vSwitch would show for an error of the
// datapath; missing is the one for dp.ErrNotFound.
func errnoOf(err error, missing syscall.Errno) syscall.Errno {
	var errno syscall.Errno
	var syntax *odp.SyntaxError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, dp.ErrExist):
		return syscall.EEXIST
	case errors.Is(err, dp.ErrNotFound):
		return missing
	case errors.Is(err, dp.ErrInvalid), errors.As(err, &syntax):
		return syscall.EINVAL
	case errors.Is(err, dp.ErrFull):
		return syscall.EFBIG
	case errors.Is(err, dp.ErrNotSupported):
		return syscall.EOPNOTSUPP
	}
	return syscall.EIO
}

// strerror returns an errno's text as the C library has it in the C locale.
func strerror(e syscall.Errno) string {
	switch e { // where Go's differs by more than the first letter
	case syscall.EIO:
		return "Input/output error"
	case syscall.EAGAIN:
		return "Resource temporarily unavailable"
	}
	text := e.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// failure is the error of a command: lines of text, each with the program's name in
// front as dpctl's errors have it.
type failure struct{ text strings.Builder }

func (f *failure) Error() string { return f.text.String() }

// fail returns a failure with one line, and a second one that explains it unless
// cause is nil.
func (c *Commands) fail(line string, cause error) error {
	f := &failure{}
	c.add(f, line, cause)
	return f
}

func (c *Commands) add(f *failure, line string, cause error) {
	f.text.WriteString(c.Program + ": " + line + "\n")
	if cause != nil {
		f.text.WriteString(c.Program + ": " + cause.Error() + "\n")
	}
}

// err returns f if it holds a line.
func (f *failure) err() error {
	if f.text.Len() == 0 {
		return nil
	}
	return f
}
