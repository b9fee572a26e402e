package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/skua/skua/internal/lab/ui"
)

// shell runs the lab's commands, shows them, and keeps them for the report.
type shell struct {
	ui    ui.UI
	spawn *spawner
	env   []string // added to every command's environment

	mu   sync.Mutex
	log  []string
	live map[*proc]struct{}
}

func newShell(u ui.UI, env ...string) *shell {
	return &shell{ui: u, spawn: newSpawner(), env: env, live: map[*proc]struct{}{}}
}

// record shows and keeps a command.
func (s *shell) record(text string) {
	s.ui.Command(text)
	s.mu.Lock()
	s.log = append(s.log, text)
	s.mu.Unlock()
}

// commands returns what was run so far.
func (s *shell) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}

// quote writes args as a shell takes them.
func quote(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"$`\\|&;<>()*?[]#~!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out[i] = a
	}
	return strings.Join(out, " ")
}

// run runs a command to its end and returns what it wrote to standard output. A
// failed command's error has its text from standard error.
func (s *shell) run(ctx context.Context, args ...string) (string, error) {
	s.record(quote(args))
	return s.quiet(ctx, args...)
}

// quiet is run without showing the command.
func (s *shell) quiet(ctx context.Context, args ...string) (string, error) {
	p, err := s.start(ctx, args...)
	if err != nil {
		return "", err
	}
	return p.wait()
}

// each runs the commands in order up to the first that fails. A command that has
// started is let finish: an interrupt takes effect between two.
func (s *shell) each(ctx context.Context, cmds ...string) error {
	for _, c := range cmds {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if _, err := s.run(context.WithoutCancel(ctx), strings.Fields(c)...); err != nil {
			return err
		}
	}
	return nil
}

// proc is a running command.
type proc struct {
	sh       *shell
	cmd      *exec.Cmd
	args     []string
	ctx      context.Context
	out, err bytes.Buffer
	done     chan struct{} // closed when waitErr is set
	waitErr  error
}

// start starts a command that ends with ctx at the latest: SIGTERM to its process
// group, SIGKILL two seconds later.
func (s *shell) start(ctx context.Context, args ...string) (*proc, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	p := &proc{sh: s, args: args, ctx: ctx, done: make(chan struct{})}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.cmd.Env = append(os.Environ(), append([]string{"LC_ALL=C"}, s.env...)...)
	p.cmd.WaitDelay = 3 * time.Second // a grandchild that keeps the pipe holds nothing up
	if err := s.spawn.start(p.cmd, true); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	s.mu.Lock()
	s.live[p] = struct{}{}
	s.mu.Unlock()
	go p.reap()
	go p.follow()
	return p, nil
}

func (p *proc) reap() {
	p.waitErr = p.cmd.Wait()
	p.sh.mu.Lock()
	delete(p.sh.live, p)
	p.sh.mu.Unlock()
	close(p.done)
}

// follow ends the process with its context.
func (p *proc) follow() {
	select {
	case <-p.done:
		return
	case <-p.ctx.Done():
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(2 * time.Second):
		p.signal(syscall.SIGKILL)
	}
}

// signal sends sig to the command's process group.
func (p *proc) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

// stop ends the command and waits for it.
func (p *proc) stop() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return
	case <-time.After(2 * time.Second):
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// wait waits for the command's end.
func (p *proc) wait() (string, error) {
	<-p.done
	if p.waitErr == nil {
		return p.out.String(), nil
	}
	if p.ctx.Err() != nil {
		return p.out.String(), fmt.Errorf("%s: ended early: %w", quote(p.args), context.Cause(p.ctx))
	}
	text := strings.TrimSpace(p.err.String())
	if text == "" {
		text = lastLines(p.out.String(), 3)
	}
	var exit *exec.ExitError
	if errors.As(p.waitErr, &exit) {
		return p.out.String(), fmt.Errorf("%s: %v: %s", quote(p.args), exit, text)
	}
	return p.out.String(), fmt.Errorf("%s: %w: %s", quote(p.args), p.waitErr, text)
}

// close ends every command that still runs, then the thread that starts them.
func (s *shell) close() {
	s.mu.Lock()
	var live []*proc
	for p := range s.live {
		live = append(live, p)
	}
	s.mu.Unlock()
	for _, p := range live {
		p.stop()
	}
	s.spawn.close()
}

// lastLines returns the last n lines of text that are not empty.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
