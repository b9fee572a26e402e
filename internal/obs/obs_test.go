package obs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 21, 12, 24, 43, 532_000_000, time.UTC)

// newLog returns a log with a console and syslog in memory.
func newLog(t *testing.T) (l *Log, console, syslog *bytes.Buffer) {
	t.Helper()
	console, syslog = new(bytes.Buffer), new(bytes.Buffer)
	l = New(Options{
		Program: "skua", Console: console, Now: func() time.Time { return noon },
		DialSyslog: func() (io.WriteCloser, error) { return nopCloser{syslog}, nil },
	})
	t.Cleanup(func() { _ = l.Close() })
	return l, console, syslog
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func TestForms(t *testing.T) {
	l, console, syslog := newLog(t)
	path := filepath.Join(t.TempDir(), "x.log")
	if err := l.OpenFile(path); err != nil {
		t.Fatal(err)
	}
	l.Logger("dpif_netdev").Named("rx-tx").Warn("port lost", zap.String("name", "v0"), zap.Int("n", 3),
		zap.Error(errors.New("no such device")))
	l.Logger("bridge").With(zap.String("a", "b\nc")).Debug("not shown")
	wantConsole := "2026-11-21T12:24:43Z|00001|vlog|INFO|opened log file " + path + "\n" +
		"2026-11-21T12:24:43Z|00002|dpif_netdev_rx_tx|WARN|port lost name=v0 n=3 error=\"no such device\"\n"
	if diff := cmp.Diff(wantConsole, console.String()); diff != "" {
		t.Errorf("console (-want +got):\n%s", diff)
	}
	wantFile := strings.ReplaceAll(wantConsole, ":43Z", ":43.532Z")
	if got, err := os.ReadFile(path); err != nil || string(got) != wantFile {
		t.Errorf("file %q, %v, want %q", got, err, wantFile)
	}
	local := noon.Local().Format(time.Stamp)
	wantSyslog := "<30>" + local + " skua: ovs|00001|vlog|INFO|opened log file " + path +
		"<28>" + local + " skua: ovs|00002|dpif_netdev_rx_tx|WARN|port lost name=v0 n=3 error=\"no such device\""
	if diff := cmp.Diff(wantSyslog, syslog.String()); diff != "" {
		t.Errorf("syslog (-want +got):\n%s", diff)
	}
}

func TestMessagesStayOnOneLine(t *testing.T) {
	l, console, _ := newLog(t)
	l.Logger("m").With(zap.String("a", "b\nc")).Error("one\ntwo\x1b\n", zap.Namespace("x"), zap.Skip())
	want := "2026-11-21T12:24:43Z|00001|m|ERR|one\\x0atwo\\x1b a=\"b\\nc\"\n"
	if console.String() != want {
		t.Errorf("got %q, want %q", console, want)
	}
}

// What Open vSwitch 3.1 answers to the same specifications.
func TestSet(t *testing.T) {
	for _, tc := range []struct{ spec, err, list string }{
		{"ANY:console:dbg", "", "DBG INFO INFO, DBG INFO INFO"},
		{"bridge:file:warn", "", "INFO INFO WARN, INFO INFO INFO"},
		{"BRIDGE:FILE:WARN", "", "INFO INFO WARN, INFO INFO INFO"},
		{"bridge", "", "DBG DBG DBG, INFO INFO INFO"},
		{"console:warn", "", "WARN INFO INFO, WARN INFO INFO"},
		{"dbg", "", "DBG DBG DBG, DBG DBG DBG"},
		{"off", "", "OFF OFF OFF, OFF OFF OFF"},
		{"vlog file err", "", "INFO INFO INFO, INFO INFO ERR"},
		{"vlog,syslog,emer", "", "INFO INFO INFO, INFO EMER INFO"},
		{"vlog::::", "", "INFO INFO INFO, DBG DBG DBG"},
		{"", "", "DBG DBG DBG, DBG DBG DBG"},
		{"ANY:foo:dbg", `no destination, level, or module "foo"`, ""},
		{"nosuch", `no destination, level, or module "nosuch"`, ""},
		{"vlog bridge:dbg", "cannot specify multiple modules", ""},
		{"file:console:dbg", "cannot specify multiple destinations", ""},
		{"vlog:file:dbg:warn", "cannot specify multiple levels", ""},
		{"PATTERN", "missing destination", ""},
		{"PATTERN:nosuch:%m", `unknown destination "nosuch"`, ""},
		{"facility:foo", "invalid facility", ""},
	} {
		t.Run(tc.spec, func(t *testing.T) {
			l, _, _ := newLog(t)
			l.Register("vlog", "bridge")
			err := l.Set(tc.spec)
			if (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			want := tc.list
			if want == "" {
				want = "INFO INFO INFO, INFO INFO INFO"
			}
			if got := levelsText(l, "bridge") + ", " + levelsText(l, "vlog"); got != want {
				t.Errorf("levels %s, want %s", got, want)
			}
		})
	}
}

func levelsText(l *Log, module string) string {
	var parts []string
	for d := range destinations {
		parts = append(parts, l.Level(module, d).String())
	}
	return strings.Join(parts, " ")
}

func TestLevelsDecide(t *testing.T) {
	l, console, _ := newLog(t)
	a, b := l.Logger("a"), l.Logger("b")
	for _, spec := range []string{"off", "b:console:dbg"} {
		if err := l.Set(spec); err != nil {
			t.Fatal(err)
		}
	}
	a.Error("hidden")
	b.Debug("shown")
	l.Logger("later").Error("hidden: ANY holds for modules that come later")
	if want := "2026-11-21T12:24:43Z|00001|b|DBG|shown\n"; console.String() != want {
		t.Errorf("got %q, want %q", console, want)
	}
}

func TestList(t *testing.T) {
	l := New(Options{Console: io.Discard, ConsoleOff: true})
	l.Register("bfd", "dpif_lookup_autovalidator")
	want := "                 console    syslog    file\n" +
		"                 -------    ------    ------\n" +
		"bfd                OFF       INFO       INFO\n" +
		"dpif_lookup_autovalidator   OFF       INFO       INFO\n"
	if diff := cmp.Diff(want, l.List()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPatterns(t *testing.T) {
	l, console, _ := newLog(t)
	for _, tc := range []struct{ pattern, want string }{
		{"%m", "hello"}, {"x%m%%", "xhello%"}, {"%05N|%-4p|%6c|%c%T", "00001|INFO|     m|m"},
		{"%A %B %r%n", "skua 30 0\n"}, {"%D", "2026-11-21 12:24:43.532"}, {"%D{%H:%M}%D{#####}", "12:2453200"},
		{"%", "%"}, {"%-", "%"}, {"%999999999999c", strings.Repeat(" ", 255) + "m"}, {"%Q", "Q"}, {"%D{%H", "2026-11-21 12:24:43.532{H"},
	} {
		l.no = 0
		console.Reset()
		if err := l.Set("PATTERN:console:" + tc.pattern); err != nil {
			t.Fatal(err)
		}
		l.Logger("m").Info("hello")
		got := strings.TrimSuffix(console.String(), "\n")
		if got != tc.want {
			t.Errorf("pattern %q: got %q, want %q", tc.pattern, got, tc.want)
		}
	}
}

func TestReopen(t *testing.T) {
	l, _, _ := newLog(t)
	if err := l.Reopen(); !errors.Is(err, ErrNoFile) {
		t.Errorf("Reopen without a file: %v", err)
	}
	dir := t.TempDir()
	path, rotated := filepath.Join(dir, "x.log"), filepath.Join(dir, "x.log.1")
	if err := l.OpenFile(path); err != nil {
		t.Fatal(err)
	}
	log := l.Logger("m")
	log.Info("first")
	if err := os.Rename(path, rotated); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	log.Info("second")
	if err := l.CloseFile(); err != nil {
		t.Error(err)
	}
	log.Info("nowhere")
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{rotated: "first", path: "second"} {
		text, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(text), want) || strings.Contains(string(text), "nowhere") {
			t.Errorf("%s has %q, %v", name, text, err)
		}
	}
	if err := l.OpenFile(filepath.Join(dir, "none", "x.log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OpenFile in a missing folder: %v", err)
	}
}

func TestSyslogThatFailsIsTriedLater(t *testing.T) {
	at, dials := noon, 0
	l := New(Options{
		Now:        func() time.Time { return at },
		DialSyslog: func() (io.WriteCloser, error) { dials++; return nil, errors.New("nobody there") },
	})
	log := l.Logger("m")
	log.Info("1")
	log.Info("2")
	at = at.Add(syslogRetry)
	log.Info("3")
	if dials != 2 {
		t.Errorf("%d attempts, want 2", dials)
	}
}

func TestDPDKLevels(t *testing.T) {
	want := []Level{Emer, Emer, Emer, Emer, Err, Warn, Info, Info, Dbg}
	for dpdk := 1; dpdk <= 8; dpdk++ {
		if got := FromZap(FromDPDK(dpdk)); got != want[dpdk] {
			t.Errorf("DPDK level %d is %v, want %v", dpdk, got, want[dpdk])
		}
	}
	for l := Emer; l <= Dbg; l++ {
		if got := FromZap(FromDPDK(ToDPDK(l))); got != l {
			t.Errorf("%v there and back is %v", l, got)
		}
	}
	if ToDPDK(Off) != 0 {
		t.Error("off does not disable")
	}
	l, console, _ := newLog(t)
	l.Logger("dpdk").Log(FromDPDK(1), "EAL: dead")
	if !strings.Contains(console.String(), "|dpdk|EMER|EAL: dead") {
		t.Errorf("got %q", console)
	}
	if FromZap(zapcore.FatalLevel) != Emer {
		t.Error("fatal is not EMER")
	}
}
