package unixctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Bounds; see the package's comment.
const (
	maxRequest   = 1 << 20
	maxConns     = 256
	writeTimeout = 30 * time.Second
)

// Server serves commands on a unix socket. Its methods are safe for use by several
// goroutines.
type Server struct {
	log    *zap.Logger
	socket *socket

	cmdMu    sync.RWMutex // guards commands
	commands map[string]*command

	runMu sync.Mutex // held while a command runs

	mu      sync.Mutex // guards what follows
	conns   map[*conn]struct{}
	closed  bool
	serving sync.WaitGroup // connections' goroutines
	cancel  context.CancelFunc
	ctx     context.Context // of the commands
}

// conn is one client's connection.
type conn struct {
	net.Conn
	id   uint64
	busy bool      // runs a command or writes its reply; guarded by Server.mu
	last time.Time // of the end of its last command; guarded by Server.mu
}

// NewServer binds the socket at path and returns a server that knows the command
// list-commands. Clients can connect from now on and are answered from Serve on. A
// path that a live process serves is an [*InUseError]. log may be nil.
func NewServer(path string, log *zap.Logger) (*Server, error) {
	if log == nil {
		log = zap.NewNop()
	}
	sock, err := listen(path)
	if err != nil {
		return nil, err
	}
	s := &Server{
		log:      log,
		socket:   sock,
		commands: make(map[string]*command),
		conns:    make(map[*conn]struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.Register("list-commands", "", 0, 0, s.listCommands)
	return s, nil
}

// Path returns the path of the socket.
func (s *Server) Path() string { return s.socket.path }

// Serve answers clients until ctx ends or Close is called; then it returns nil. It
// leaves established connections to Close. An error means that the socket failed.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.socket.UnixListener.Close() })
	defer stop()
	for id := uint64(0); ; id++ {
		nc, err := s.socket.AcceptUnix()
		switch {
		case err == nil:
			s.start(&conn{Conn: nc, id: id, last: time.Now()})
		case errors.Is(err, net.ErrClosed):
			return nil
		case isTemporary(err):
			// Out of descriptors, most likely: waiting helps, ending would not.
			s.log.Warn("accept failed, trying again", zap.Error(err))
			time.Sleep(100 * time.Millisecond)
		default:
			return fmt.Errorf("control socket %s: %w", s.socket.path, err)
		}
	}
}

// Close stops listening, removes the socket, ends the commands' context, waits for
// the command that runs, and closes every connection. A command must therefore not
// call Close itself. Calls after the first do nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.cancel()
	// Idle clients would wait for ever; one whose command has run still gets its
	// reply, since only reading ends here, and writing has a deadline.
	for c := range s.conns {
		_ = c.SetReadDeadline(time.Now())
	}
	s.mu.Unlock()
	err := s.socket.close()
	s.serving.Wait()
	if errors.Is(err, net.ErrClosed) { // Serve's context closed the listener
		err = nil
	}
	return err
}

// start runs a connection's goroutine.
func (s *Server) start(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return
	}
	if len(s.conns) >= maxConns {
		s.evict()
	}
	s.conns[c] = struct{}{}
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		defer s.forget(c)
		s.converse(c)
	}()
}

// evict closes the connection that has been idle for the longest. s.mu is held.
func (s *Server) evict() {
	var oldest *conn
	for c := range s.conns {
		if !c.busy && (oldest == nil || c.last.Before(oldest.last)) {
			oldest = c
		}
	}
	if oldest == nil {
		return // all of them wait for their commands, which end
	}
	s.log.Warn("too many connections, closing the one that is idle for the longest",
		zap.Int("connections", len(s.conns)), zap.Duration("idle", time.Since(oldest.last)))
	delete(s.conns, oldest)
	_ = oldest.Close()
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	_ = c.Close()
}

// converse answers one client's requests until it leaves or misbehaves.
func (s *Server) converse(c *conn) {
	r := newReader(c)
	for {
		req, err := r.next()
		if err != nil {
			s.ended(c, err)
			return
		}
		if !s.begin(c) {
			return
		}
		err = s.answer(c, req)
		s.finish(c)
		if err != nil {
			s.log.Warn("connection lost while replying", zap.Uint64("connection", c.id),
				zap.String("command", clip(req.method)), zap.Error(err))
			return
		}
	}
}

// ended logs why a connection ended, unless the client has simply gone.
func (s *Server) ended(c *conn, err error) {
	s.mu.Lock()
	_, known := s.conns[c]
	closed := s.closed
	s.mu.Unlock()
	if errors.Is(err, io.EOF) || closed || !known || isReset(err) {
		return
	}
	s.log.Warn("received bad JSON-RPC message, closing the connection",
		zap.Uint64("connection", c.id), zap.Error(err))
}

func (s *Server) begin(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = true
	return !s.closed
}

func (s *Server) finish(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy, c.last = false, time.Now()
}

// answer runs a request's command and sends the reply.
func (s *Server) answer(c *conn, req *request) error {
	text, err := s.runRequest(req)
	msg, err := reply(req.id, text, err)
	if err != nil {
		return err
	}
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err = c.Write(msg)
	return err
}

func (s *Server) runRequest(req *request) (string, error) {
	s.log.Debug("received request", zap.String("command", clip(req.method)), zap.Int("args", len(req.params)))
	if req.badParam {
		s.cmdMu.RLock()
		err := s.commands[req.method].check(req.method, req.params)
		s.cmdMu.RUnlock()
		if err == nil {
			err = fmt.Errorf("%s command has non-string argument", quote(req.method))
		}
		return "", replyError(line(err.Error()))
	}
	return s.Run(s.ctx, req.method, req.params)
}
