package obs

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Options say where a log goes at first.
type Options struct {
	Program string    // name in syslog; "": the binary's
	Console io.Writer // nil: no console, as with a daemon in the background
	// ConsoleOff starts with the console's levels off, though it can be turned on.
	ConsoleOff bool
	// Now replaces the clock in tests.
	Now func() time.Time
	// DialSyslog replaces the connection to the system's log in tests.
	DialSyslog func() (io.WriteCloser, error)
}

// Log is a daemon's log. Its methods are safe for use by several goroutines.
type Log struct {
	program string
	now     func() time.Time
	started time.Time

	mu       sync.Mutex // guards what follows and orders the lines
	modules  map[string]*levels
	initial  levels // of a module that registers from now on
	patterns [destinations]string
	facility int
	no       uint64
	console  io.Writer
	file     logFile
	syslog   sysLog
}

// levels are a module's levels by destination.
type levels [destinations]Level

// New returns a log. Call Close at the end.
func New(o Options) *Log {
	l := &Log{
		program:  o.Program,
		now:      o.Now,
		modules:  make(map[string]*levels),
		initial:  levels{Console: Info, Syslog: Info, File: Info},
		patterns: defaultPatterns,
		facility: facilityDaemon,
		console:  o.Console,
		syslog:   sysLog{dial: o.DialSyslog},
	}
	if l.program == "" {
		l.program = programName()
	}
	if l.now == nil {
		l.now = time.Now
	}
	if o.ConsoleOff || o.Console == nil {
		l.initial[Console] = Off
	}
	l.started = l.now()
	return l
}

// Logger returns the logger of a module and registers the module for vlog/list.
func (l *Log) Logger(module string) *zap.Logger {
	l.Register(module)
	return zap.New(&core{log: l}).Named(module)
}

// Register makes modules known to vlog/list and vlog/set before they log.
func (l *Log) Register(modules ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range modules {
		l.module(moduleName(m))
	}
}

// module returns the levels of a module. l.mu is held.
func (l *Log) module(name string) *levels {
	lv, ok := l.modules[name]
	if !ok {
		c := l.initial
		lv = &c
		l.modules[name] = lv
	}
	return lv
}

// moduleName maps a logger's name to a module's.
func moduleName(logger string) string {
	if logger == "" {
		return "main"
	}
	return strings.NewReplacer(".", "_", "-", "_").Replace(logger)
}

// Level returns a module's level at a destination.
func (l *Log) Level(module string, d Destination) Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.module(moduleName(module))[d]
}

// Modules returns the names of the known modules, sorted.
func (l *Log) Modules() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moduleNames()
}

func (l *Log) moduleNames() []string {
	names := make([]string, 0, len(l.modules))
	for name := range l.modules {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close closes the file and the connection to syslog. Messages still go to the console.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.syslog.close()
	return l.file.close()
}

// enabled reports whether a message of that module and level goes anywhere.
func (l *Log) enabled(logger string, level Level) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	lv := l.module(moduleName(logger))
	return level <= max(lv[Console], lv[Syslog], lv[File])
}

// write sends one message to its destinations.
func (l *Log) write(logger string, level Level, at time.Time, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	module := moduleName(logger)
	lv := l.module(module)
	l.no++
	r := record{
		at: at, started: l.started, no: l.no, module: module, level: level, message: message,
		program: l.program, facility: l.facility,
	}
	if level <= lv[Console] && l.console != nil {
		_, _ = io.WriteString(l.console, r.format(l.patterns[Console])+"\n")
	}
	if level <= lv[Syslog] {
		l.syslog.write(&r, r.format(l.patterns[Syslog]))
	}
	if level <= lv[File] {
		l.file.write(r.format(l.patterns[File]) + "\n")
	}
}

// core is the zapcore.Core of every logger of a Log.
type core struct {
	log    *Log
	fields []zapcore.Field
}

// Enabled says yes: levels belong to modules, and only Check knows the logger's name.
func (c *core) Enabled(zapcore.Level) bool { return true }

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{log: c.log, fields: append(slices.Clip(c.fields), fields...)}
}

func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.log.enabled(e.LoggerName, FromZap(e.Level)) {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	var b strings.Builder
	b.WriteString(oneLine(e.Message))
	for _, f := range c.fields {
		writeField(&b, f)
	}
	for _, f := range fields {
		writeField(&b, f)
	}
	c.log.write(e.LoggerName, FromZap(e.Level), c.log.now(), b.String())
	return nil
}

func (c *core) Sync() error { return nil }

// writeField appends " key=value"; a value that would not read as one word is quoted.
func writeField(b *strings.Builder, f zapcore.Field) {
	if f.Type == zapcore.SkipType || f.Type == zapcore.NamespaceType {
		return
	}
	enc := zapcore.NewMapObjectEncoder()
	f.AddTo(enc)
	value, ok := enc.Fields[f.Key]
	if !ok {
		return
	}
	text := fmt.Sprint(value)
	if text == "" || strings.ContainsAny(text, " \"=") || oneLine(text) != text {
		text = fmt.Sprintf("%q", text)
	}
	b.WriteString(" " + f.Key + "=" + text)
}

// oneLine escapes what would break a message's line.
func oneLine(text string) string {
	text = strings.TrimRight(text, "\n")
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isControl(r) {
			fmt.Fprintf(&b, "\\x%02x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
