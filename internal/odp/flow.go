package odp

import (
	"fmt"
	"strings"
	"time"

	"github.com/skua/skua/internal/dp"
)

// FormatFlow prints a flow as a line of dpctl/dump-flows, or with f.Verbose of
// dump-flows -m, without a line feed: [ufid, ]key, counters[, dp:ovs], actions. now
// is what the time of the last use is told against.
func FormatFlow(e *dp.FlowEntry, f Format, now time.Time) string {
	var b strings.Builder
	if f.Verbose {
		b.WriteString(FormatUFID(e.UFID) + ", ")
	}
	b.WriteString(FormatKey(&e.Key, &e.Mask, f))
	fmt.Fprintf(&b, ", packets:%d, bytes:%d, used:%s", e.Stats.Packets, e.Stats.Bytes, usedText(e.Stats.Used, now))
	if e.Stats.TCPFlags != 0 {
		b.WriteString(", flags:" + tcpLetters(e.Stats.TCPFlags))
	}
	if f.Verbose {
		b.WriteString(", dp:ovs")
	}
	b.WriteString(", actions:" + FormatActions(e.Actions, f))
	return b.String()
}

// usedText prints how long ago a flow was used, in seconds with milliseconds.
func usedText(used, now time.Time) string {
	if used.IsZero() {
		return "never"
	}
	ms := max(0, now.Sub(used).Milliseconds())
	return fmt.Sprintf("%d.%03ds", ms/1000, ms%1000)
}

// tcpLetters prints TCP flags as tcpdump does, in its order.
func tcpLetters(flags uint16) string {
	letters := []struct {
		bit  uint16
		text string
	}{
		{0x002, "S"}, {0x001, "F"}, {0x008, "P"}, {0x004, "R"}, {0x020, "U"}, {0x010, "."},
		{0x040, "E"}, {0x080, "C"}, {0x100, "N"}, {0x200, "[200]"}, {0x400, "[400]"}, {0x800, "[800]"},
	}
	var b strings.Builder
	for _, l := range letters {
		if flags&l.bit != 0 {
			b.WriteString(l.text)
		}
	}
	return b.String()
}
