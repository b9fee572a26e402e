package obs

import (
	"strings"

	"go.uber.org/zap/zapcore"
)

// Level is a vlog level; a message is logged where its level is at most the
// module's.
type Level int8

// Levels, from silence to the most detailed.
const (
	Off Level = iota
	Emer
	Err
	Warn
	Info
	Dbg
)

var levelNames = [...]string{"OFF", "EMER", "ERR", "WARN", "INFO", "DBG"}

// String returns the level's name in capitals, as the log shows it.
func (l Level) String() string { return levelNames[l] }

// ParseLevel returns the level of that name in any case; ok is false for others.
func ParseLevel(name string) (l Level, ok bool) {
	for i, n := range levelNames {
		if strings.EqualFold(n, name) {
			return Level(i), true
		}
	}
	return 0, false
}

// FromZap returns the vlog level of a zap level. What zap ends in a panic or an
// exit is Emer.
func FromZap(l zapcore.Level) Level {
	switch {
	case l <= zapcore.DebugLevel:
		return Dbg
	case l == zapcore.InfoLevel:
		return Info
	case l == zapcore.WarnLevel:
		return Warn
	case l == zapcore.ErrorLevel:
		return Err
	default:
		return Emer
	}
}

// FromDPDK returns the zap level for a line that DPDK logs at one of its levels:
// 1 EMERG, 2 ALERT, 3 CRIT, 4 ERR, 5 WARNING, 6 NOTICE, 7 INFO, 8 DEBUG
// (rte_log.h). Everything above ERR becomes zap's DPanic, which shows as EMER and
// does not panic in the loggers of this package.
func FromDPDK(level int) zapcore.Level {
	switch {
	case level >= 8:
		return zapcore.DebugLevel
	case level >= 6:
		return zapcore.InfoLevel
	case level == 5:
		return zapcore.WarnLevel
	case level == 4:
		return zapcore.ErrorLevel
	default:
		return zapcore.DPanicLevel
	}
}

// ToDPDK returns the DPDK level (see [FromDPDK]) down to which DPDK has to log for
// a module at level l; 0 disables its log.
func ToDPDK(l Level) int {
	return [...]int{Off: 0, Emer: 3, Err: 4, Warn: 5, Info: 7, Dbg: 8}[l]
}

// syslogSeverity returns the severity of RFC 5424 section 6.2.1 for a level.
func syslogSeverity(l Level) int {
	return [...]int{Off: 1, Emer: 1, Err: 3, Warn: 4, Info: 6, Dbg: 7}[l]
}

// Destination is a place that messages go to.
type Destination int

// Destinations in the order in which vlog/list shows them.
const (
	Console Destination = iota
	Syslog
	File
	destinations
)

var destinationNames = [...]string{"console", "syslog", "file"}

// String returns the destination's name.
func (d Destination) String() string { return destinationNames[d] }

func parseDestination(name string) (Destination, bool) {
	for i, n := range destinationNames {
		if strings.EqualFold(n, name) {
			return Destination(i), true
		}
	}
	return 0, false
}
