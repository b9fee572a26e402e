//go:build linux && cgo

package cgo

import (
	"bufio"
	"os"
	"strings"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// LogLevel is a DPDK log level.
type LogLevel uint32

// DPDK's log levels (rte_log.h).
const (
	LogEmerg LogLevel = 1 + iota
	LogAlert
	LogCrit
	LogErr
	LogWarning
	LogNotice
	LogInfo
	LogDebug
)

// SetLogLevel sets the level of the DPDK components that pattern names ("lib.eal",
// "pmd.net.*"), or with "*" of all.
func SetLogLevel(pattern string, level LogLevel) error {
	if rc := rawLogLevel(pattern, uint32(level)); rc < 0 {
		return fail("set DPDK's log level for \""+pattern+"\"", rc, nil)
	}
	return nil
}

// lastLines is how many of DPDK's lines an error may cite.
const lastLines = 6

// logEnd is the line behind which the reader stops.
const logEnd = "\x00end"

// logPipe carries DPDK's lines to zap. The data plane holds a descriptor of the write
// end of its own, which never blocks: a line that finds the pipe full is lost.
type logPipe struct {
	r, w *os.File
	log  *zap.Logger
	done chan struct{}
	last []string // the reader's until done
}

// newLogPipe makes the pipe and points DPDK's log at it.
func newLogPipe(log *zap.Logger) (*logPipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &logPipe{r: r, w: w, log: log, done: make(chan struct{})}
	var e rawErr
	if rc := rawLogOpen(int(w.Fd()), &e); rc < 0 {
		r.Close()
		w.Close()
		return nil, fail("open DPDK's log", rc, &e)
	}
	// After Fd, which makes the description blocking.
	if err := syscall.SetNonblock(int(w.Fd()), true); err != nil {
		r.Close()
		w.Close()
		return nil, err
	}
	go p.run()
	return p, nil
}

func (p *logPipe) run() {
	defer close(p.done)
	s := bufio.NewScanner(p.r)
	for s.Scan() && s.Text() != logEnd {
		level, module, msg := splitLogLine(s.Text())
		if msg == "" {
			continue
		}
		if len(p.last) == lastLines {
			p.last = p.last[1:]
		}
		p.last = append(p.last, module+": "+msg)
		if ce := p.log.Check(level, msg); ce != nil {
			ce.Write(zap.String("module", module))
		}
	}
}

// finish reads what DPDK has written so far, stops, and returns its last lines, the
// oldest first. What DPDK writes later is lost: its own descriptor keeps the pipe
// open, so a line of ours marks the end.
func (p *logPipe) finish() []string {
	if _, err := p.w.WriteString(logEnd + "\n"); err == nil {
		<-p.done
	}
	p.w.Close()
	p.r.Close()
	<-p.done
	return p.last
}

// splitLogLine takes a line of DPDK apart: "<4>EAL: text" or "EAL: text" or "text",
// where <n> is DPDK's level.
func splitLogLine(line string) (zapcore.Level, string, string) {
	level := zapcore.InfoLevel
	if len(line) > 2 && line[0] == '<' && line[2] == '>' {
		switch l := LogLevel(line[1] - '0'); {
		case l <= LogErr:
			level = zapcore.ErrorLevel
		case l == LogWarning:
			level = zapcore.WarnLevel
		case l == LogDebug:
			level = zapcore.DebugLevel
		}
		line = line[3:]
	}
	module, msg, ok := strings.Cut(line, ": ")
	if !ok || strings.ContainsRune(module, ' ') {
		return level, "dpdk", strings.TrimSpace(line)
	}
	return level, module, strings.TrimSpace(msg)
}
