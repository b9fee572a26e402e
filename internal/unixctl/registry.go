package unixctl

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// Handler runs a command with its arguments (without the command's own name) and
// returns the text for the user. With an error the reply is an error whose text
// is the returned text followed by the error's. A newline is added at the end
// where it lacks. ctx ends when the server closes.
type Handler func(ctx context.Context, args []string) (string, error)

type command struct {
	usage    string
	min, max int // arguments; max -1: any number
	run      Handler
}

// Register adds a command. usage is the text for its arguments in list-commands,
// maxArgs -1 means any number. It may be called while the server runs. A name that
// is registered twice is an error of the program and panics.
func (s *Server) Register(name, usage string, minArgs, maxArgs int, h Handler) {
	if h == nil || name == "" || minArgs < 0 || (maxArgs >= 0 && maxArgs < minArgs) {
		panic(fmt.Sprintf("unixctl: command %q registered with arguments %d..%d, handler %t",
			name, minArgs, maxArgs, h != nil))
	}
	s.cmdMu.Lock()
	defer s.cmdMu.Unlock()
	if _, ok := s.commands[name]; ok {
		panic(fmt.Sprintf("unixctl: command %q registered twice", name))
	}
	s.commands[name] = &command{usage: usage, min: minArgs, max: maxArgs, run: h}
}

// Commands returns the names of all commands, sorted.
func (s *Server) Commands() []string {
	s.cmdMu.RLock()
	defer s.cmdMu.RUnlock()
	names := make([]string, 0, len(s.commands))
	for name := range s.commands {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// listCommands is the handler of list-commands.
func (s *Server) listCommands(context.Context, []string) (string, error) {
	var b strings.Builder
	b.WriteString("The available commands are:\n")
	for _, name := range s.Commands() {
		s.cmdMu.RLock()
		c := s.commands[name]
		s.cmdMu.RUnlock()
		fmt.Fprintf(&b, "  %-23s %s\n", name, c.usage)
	}
	return b.String(), nil
}

// Run runs a command as if a client had sent it, and returns its text or an error
// whose text is what the client would see. Texts end with a newline unless empty.
func (s *Server) Run(ctx context.Context, name string, args []string) (string, error) {
	s.cmdMu.RLock()
	c := s.commands[name]
	s.cmdMu.RUnlock()
	if err := c.check(name, args); err != nil {
		return "", replyError(line(err.Error()))
	}
	s.runMu.Lock()
	defer s.runMu.Unlock()
	if err := ctx.Err(); err != nil {
		return "", replyError(fmt.Sprintf("%q not run: the daemon is stopping\n", name))
	}
	text, err := s.call(ctx, c, name, args)
	if err != nil {
		return "", replyError(line(text + err.Error()))
	}
	return line(text), nil
}

// check compares the number of arguments with what the command takes.
func (c *command) check(name string, args []string) error {
	switch {
	case c == nil:
		return fmt.Errorf("%s is not a valid command (use \"list-commands\" to see a list of valid commands)",
			quote(name))
	case len(args) < c.min:
		return fmt.Errorf("%s command requires at least %d arguments", quote(name), c.min)
	case c.max >= 0 && len(args) > c.max:
		return fmt.Errorf("%s command takes at most %d arguments", quote(name), c.max)
	}
	return nil
}

// call runs the handler. A handler that panics has a bug; packets go on through
// the data plane all the same, so the daemon stays up, logs where it was and tells
// the user.
func (s *Server) call(ctx context.Context, c *command, name string, args []string) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("command panicked", zap.String("command", name), zap.Any("panic", p),
				zap.ByteString("stack", debug.Stack()))
			text, err = "", fmt.Errorf("%s command failed by a bug of the daemon: %v (see its log)",
				quote(name), p)
		}
	}()
	return c.run(ctx, args)
}

// replyError is an error whose text is ready for the wire.
type replyError string

func (e replyError) Error() string { return string(e) }

// quote puts a name between double quotes without escapes, as the texts of Open
// vSwitch have it.
func quote(name string) string { return `"` + name + `"` }

// line ends a text that is not empty with a newline.
func line(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}
