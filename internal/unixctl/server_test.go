package unixctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server with a few commands; the test's end closes it.
func serve(t testing.TB) *Server {
	t.Helper()
	s, err := NewServer(filepath.Join(t.TempDir(), "t.ctl"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Register("version", "", 0, 0, func(context.Context, []string) (string, error) {
		return "skua test 1", nil
	})
	s.Register("test/echo", "TEXT [MORE]", 1, 2, func(_ context.Context, args []string) (string, error) {
		return strings.Join(args, " "), nil
	})
	s.Register("test/fail", "", 0, -1, func(_ context.Context, args []string) (string, error) {
		return strings.Join(args, ""), errors.New("it went wrong")
	})
	s.Register("test/empty", "", 0, 0, func(context.Context, []string) (string, error) { return "", nil })
	s.Register("test/panic", "", 0, 0, func(context.Context, []string) (string, error) { panic("bug") })
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

func dial(t testing.TB, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", s.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// talk sends data, ends sending, and returns all that comes back.
func talk(t testing.TB, s *Server, data string) string {
	t.Helper()
	c := dial(t, s)
	if _, err := io.WriteString(c, data); err != nil && !isReset(err) {
		t.Fatal(err)
	}
	_ = c.(*net.UnixConn).CloseWrite()
	got, err := io.ReadAll(c)
	if err != nil && !isReset(err) {
		t.Fatal(err)
	}
	return string(got)
}

// The expected replies are those of ovs-vswitchd 3.1.0 to the same bytes.
func TestProtocol(t *testing.T) {
	s := serve(t)
	const version = `"result":"skua test 1\n","error":null}`
	for _, tc := range []struct{ name, send, want string }{
		{"call", `{"method":"version","params":[],"id":0}`, `{"id":0,` + version},
		{"string id", `{"method":"version","params":[],"id":"abc"}`, `{"id":"abc",` + version},
		{"pipelined", `{"method":"version","params":[],"id":0}{"method":"version","params":["a"],"id":1}`,
			`{"id":0,` + version + `{"id":1,"error":"\"version\" command takes at most 0 arguments\n"}`},
		{"white space around", " \n{\"method\" : \"version\", \"params\" : [ ] ,\"id\":7}\n", `{"id":7,` + version},
		{"too many", `{"method":"test/echo","params":["a","b","c"],"id":0}`,
			`{"id":0,"error":"\"test/echo\" command takes at most 2 arguments\n"}`},
		{"too few", `{"method":"test/echo","params":[],"id":0}`,
			`{"id":0,"error":"\"test/echo\" command requires at least 1 arguments\n"}`},
		{"unknown", `{"method":"nosuch","params":[],"id":0}`,
			`{"id":0,"error":"\"nosuch\" is not a valid command (use \"list-commands\" to see a list of valid commands)\n"}`},
		{"count comes before type", `{"method":"version","params":[1],"id":0}`,
			`{"id":0,"error":"\"version\" command takes at most 0 arguments\n"}`},
		{"no string", `{"method":"test/echo","params":[1],"id":0}`,
			`{"id":0,"error":"\"test/echo\" command has non-string argument\n"}`},
		{"no string, unknown", `{"method":"x","params":[null],"id":0}`,
			`{"id":0,"error":"\"x\" is not a valid command (use \"list-commands\" to see a list of valid commands)\n"}`},
		{"text is kept", `{"method":"test/echo","params":["é<>&\"\\\n"],"id":0}`,
			`{"id":0,"result":"é<>&\"\\\n","error":null}`},
		{"empty", `{"method":"test/empty","params":[],"id":0}`, `{"id":0,"result":"","error":null}`},
		{"error after text", `{"method":"test/fail","params":["so far\n"],"id":0}`,
			`{"id":0,"error":"so far\nit went wrong\n"}`},
		{"panic", `{"method":"test/panic","params":[],"id":0}`,
			`{"id":0,"error":"\"test/panic\" command failed by a bug of the daemon: bug (see its log)\n"}`},
		{"params no array", `{"method":"version","params":{},"id":0}`, ""},
		{"params missing", `{"method":"version","id":0}`, ""},
		{"id missing", `{"method":"version","params":[]}`, ""},
		{"id null", `{"method":"version","params":[],"id":null}`, ""},
		{"extra member", `{"method":"version","params":[],"id":0,"extra":1}`, ""},
		{"reply", `{"result":"x","error":null,"id":0}`, ""},
		{"array", `[1,2]`, ""},
		{"null", `null`, ""},
		{"method no string", `{"method":5,"params":[],"id":0}`, ""},
		{"garbage", "\x00\xff garbage", ""},
		{"cut short", `{"method":"version","params":[],"id":0`, ""},
		{"nothing", "", ""},
		{"good, then bad", `{"method":"version","params":[],"id":0}}}`, `{"id":0,` + version},
		{"nested too deep", `{"method":` + strings.Repeat("[", 200000), ""},
		{"huge", `{"method":"` + strings.Repeat("a", maxRequest+1) + `","params":[],"id":0}`, ""},
		{"white space without end", strings.Repeat(" ", 3*maxRequest), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, talk(t, s, tc.send)); diff != "" {
				t.Errorf("reply differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestNearTheBound(t *testing.T) {
	s := serve(t)
	text := strings.Repeat("a", maxRequest-1000)
	got := talk(t, s, `{"method":"test/echo","params":["`+text+`"],"id":0}`)
	if want := `{"id":0,"result":"` + text + `\n","error":null}`; got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

func TestListCommands(t *testing.T) {
	s := serve(t)
	want := "The available commands are:\n" +
		"  list-commands           \n" +
		"  test/echo               TEXT [MORE]\n" +
		"  test/empty              \n" +
		"  test/fail               \n" +
		"  test/panic              \n" +
		"  version                 \n"
	got, err := s.Run(context.Background(), "list-commands", nil)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, differs (-want +got):\n%s", err, diff)
	}
}

// Clients that send half a request, garbage without end or take no replies do not
// keep others from being served.
func TestBadClientsDisturbNobody(t *testing.T) {
	s := serve(t)
	s.Register("test/big", "", 0, 0, func(context.Context, []string) (string, error) {
		return strings.Repeat("x", 8<<20), nil
	})
	half := dial(t, s)
	if _, err := io.WriteString(half, `{"method":"ver`); err != nil {
		t.Fatal(err)
	}
	deaf := dial(t, s) // asks for more than the socket's buffer and reads nothing
	if _, err := io.WriteString(deaf, `{"method":"test/big","params":[],"id":0}`); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			want := fmt.Sprintf(`{"id":%d,"result":"skua test 1\n","error":null}`, i)
			if got := talk(t, s, fmt.Sprintf(`{"method":"version","params":[],"id":%d}`, i)); got != want {
				t.Errorf("client %d got %q", i, got)
			}
		})
	}
	wg.Wait()
	if _, err := io.WriteString(half, `sion","params":[],"id":1}`); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := half.Read(buf)
	if want := `{"id":1,"result":"skua test 1\n","error":null}`; err != nil || string(buf[:n]) != want {
		t.Errorf("late half: %q, %v", buf[:n], err)
	}
	_ = deaf.Close() // else the test's end would wait for the write's deadline
}

func TestManyIdleConnections(t *testing.T) {
	s := serve(t)
	first := dial(t, s)
	for range maxConns + 20 {
		dial(t, s)
	}
	if got := talk(t, s, `{"method":"version","params":[],"id":0}`); !strings.Contains(got, "skua test 1") {
		t.Errorf("new client behind %d idle ones got %q", maxConns, got)
	}
	if _, err := first.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the oldest idle connection still stands: %v", err)
	}
	s.mu.Lock()
	n := len(s.conns)
	s.mu.Unlock()
	if n > maxConns {
		t.Errorf("%d connections, want at most %d", n, maxConns)
	}
}

func TestCommandsRunOneAtATime(t *testing.T) {
	s := serve(t)
	var running, worst atomic.Int32
	s.Register("test/slow", "", 0, 0, func(context.Context, []string) (string, error) {
		worst.Store(max(worst.Load(), running.Add(1)))
		time.Sleep(2 * time.Millisecond)
		running.Add(-1)
		return "", nil
	})
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { talk(t, s, `{"method":"test/slow","params":[],"id":0}`) })
	}
	wg.Wait()
	if worst.Load() != 1 {
		t.Errorf("%d commands ran at once", worst.Load())
	}
}

// A command that waits for the daemon's end, as exit does, still gets its reply.
func TestReplyDuringClose(t *testing.T) {
	s, err := NewServer(filepath.Join(t.TempDir(), "t.ctl"), nil)
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	s.Register("exit", "", 0, 0, func(ctx context.Context, _ []string) (string, error) {
		close(started)
		<-ctx.Done()
		return "bye", nil
	})
	go func() { _ = s.Serve(context.Background()) }()
	c := dial(t, s)
	idle := dial(t, s)
	if _, err := io.WriteString(c, `{"method":"exit","params":[],"id":0}`); err != nil {
		t.Fatal(err)
	}
	<-started
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	got, err := io.ReadAll(c)
	if want := `{"id":0,"result":"bye\n","error":null}`; string(got) != want {
		t.Errorf("reply %q, %v, want %q", got, err, want)
	}
	if rest, err := io.ReadAll(idle); err != nil || len(rest) != 0 {
		t.Errorf("idle connection got %q, %v", rest, err)
	}
	if _, err := os.Lstat(s.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	s, err := NewServer(filepath.Join(t.TempDir(), "t.ctl"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestRegisterTwicePanics(t *testing.T) {
	s := serve(t)
	defer func() {
		if p := recover(); p == nil {
			t.Error("no panic")
		}
	}()
	s.Register("version", "", 0, 0, func(context.Context, []string) (string, error) { return "", nil })
}
