// Package proc runs the benchmark's child processes: on the cores that are not
// under test, in a session of their own, and gone at the end whatever
// happened.
package proc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// StopTimeout is how long a child may take to end by itself before it is killed.
const StopTimeout = 5 * time.Second

// Command says what to run.
type Command struct {
	Cores []int  // cores that the process may use, at least one
	Netns string // network namespace, "" for the caller's
	Eager bool   // before everybody else on its cores (nice -20)
	Env   []string
	Args  []string // program and its arguments
	Stdin []byte   // nil: Proc.Write feeds it
}

// Proc is a running child. Output is kept whole.
type Proc struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	mu    sync.Mutex
	out   bytes.Buffer // stdout
	errb  bytes.Buffer // stderr
	grew  chan struct{}
	done  chan struct{}
	err   error // of Wait, once done is closed
}

// Start starts a command. The child dies with its parent.
func Start(c Command) (*Proc, error) {
	cores := make([]string, len(c.Cores))
	for i, n := range c.Cores {
		cores[i] = strconv.Itoa(n)
	}
	args := []string{"taskset", "-c", strings.Join(cores, ",")}
	if c.Eager {
		args = append(args, "nice", "-n", "-20")
	}
	args = append(args, c.Args...)
	if c.Netns != "" {
		args = append([]string{"ip", "netns", "exec", c.Netns}, args...)
	}
	p := &Proc{name: c.Args[0], grew: make(chan struct{}, 1), done: make(chan struct{})}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(p.cmd.Environ(), c.Env...)
	p.cmd.SysProcAttr = Own()
	p.cmd.Stdout, p.cmd.Stderr = (*stdout)(p), (*stderr)(p)
	if c.Stdin != nil {
		p.cmd.Stdin = bytes.NewReader(c.Stdin)
	} else {
		var err error
		if p.stdin, err = p.cmd.StdinPipe(); err != nil {
			return nil, fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	if c.Eager {
		// Where the kernel groups tasks by session (sched(7), autogroup), nice counts
		// within the child's own session only; the group's nice is set here. Kernels
		// without it have no such file.
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", p.cmd.Process.Pid), []byte("-20"), 0)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Own makes a child that a terminal's ^C does not reach, so that it ends in the
// order that its parent chooses, and that dies with its parent.
func Own() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

type stdout Proc

func (w *stdout) Write(b []byte) (int, error) {
	w.mu.Lock()
	w.out.Write(b)
	w.mu.Unlock()
	select {
	case w.grew <- struct{}{}:
	default:
	}
	return len(b), nil
}

type stderr Proc

func (w *stderr) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errb.Write(b)
}

// Write writes to the child's standard input.
func (p *Proc) Write(s string) error {
	if _, err := io.WriteString(p.stdin, s); err != nil {
		return p.failed(fmt.Errorf("write to it: %w", err))
	}
	return nil
}

// Output returns what the child wrote to standard output.
func (p *Proc) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// WaitFor waits until what the child wrote to standard output from offset from on
// satisfies found, and returns that text.
func (p *Proc) WaitFor(ctx context.Context, from int, d time.Duration, what string, found func(string) bool) (string, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		if s := p.Output()[from:]; found(s) {
			return s, nil
		}
		select {
		case <-p.grew:
		case <-p.done:
			if s := p.Output()[from:]; found(s) {
				return s, nil
			}
			return "", p.failed(fmt.Errorf("it ended while %s was awaited", what))
		case <-timer.C:
			return "", p.failed(fmt.Errorf("no %s within %v", what, d))
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// Wait waits for the child's end. An exit code other than 0 is an error with the
// end of its output.
func (p *Proc) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.err != nil {
		return p.failed(p.err)
	}
	return nil
}

// Running reports an error if the child has ended.
func (p *Proc) Running() error {
	select {
	case <-p.done:
		return p.failed(fmt.Errorf("it ended (%v)", p.cmd.ProcessState))
	default:
		return nil
	}
}

// Stop ends the child with SIGTERM and, if it does not obey, its process group
// with SIGKILL. It returns once the child is gone.
func (p *Proc) Stop() {
	if p.stdin != nil {
		_ = p.stdin.Close()
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // refused only when it is gone already
	select {
	case <-p.done:
	case <-time.After(StopTimeout):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

// failed adds the child's name and its last words.
func (p *Proc) failed(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := tail(p.errb.String(), 6)
	if last == "" {
		last = tail(p.out.String(), 6)
	}
	if last == "" {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return fmt.Errorf("%s: %w; its last words: %s", p.name, err, last)
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], " | ")
}
