package obs

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Patterns that destinations have at start.
var defaultPatterns = [destinations]string{
	Console: "%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m",
	Syslog:  "ovs|%05N|%c%T|%p|%m",
	File:    "%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m",
}

// record is one message.
type record struct {
	at       time.Time
	started  time.Time
	no       uint64
	module   string
	level    Level
	message  string
	program  string
	facility int // of RFC 5424, for %B
}

// format writes a message as a pattern of ovs-appctl(8) says: conversions
// %[-][0][width]X. What is no conversion stands for itself.
func (r *record) format(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			b.WriteByte(pattern[i])
			continue
		}
		i = r.conversion(&b, pattern, i+1)
	}
	return b.String()
}

// conversion writes the conversion that begins behind the % at i-1 and returns the
// index of its last byte.
func (r *record) conversion(b *strings.Builder, p string, i int) int {
	left, zero, width := false, false, 0
	if i < len(p) && p[i] == '-' {
		left = true
		i++
	}
	if i < len(p) && p[i] == '0' {
		zero = true
		i++
	}
	const widest = 256
	for ; i < len(p) && p[i] >= '0' && p[i] <= '9'; i++ {
		width = min(widest, 10*width+int(p[i]-'0'))
	}
	if i == len(p) {
		b.WriteByte('%')
		return i
	}
	text, last := r.value(p, i)
	pad := strings.Repeat(" ", max(0, width-len(text)))
	switch {
	case left:
		text += pad
	case zero:
		text = strings.Repeat("0", len(pad)) + text
	default:
		text = pad + text
	}
	b.WriteString(text)
	return last
}

// value returns the text of the conversion with the letter at i and the index of
// the conversion's last byte.
func (r *record) value(p string, i int) (string, int) {
	switch p[i] {
	case 'A':
		return r.program, i
	case 'B':
		return strconv.Itoa(r.facility*8 + syslogSeverity(r.level)), i
	case 'c':
		return r.module, i
	case 'd', 'D':
		at := r.at.UTC()
		if p[i] == 'd' {
			at = r.at.Local()
		}
		layout, last := braces(p, i, "%Y-%m-%d %H:%M:%S.###")
		return strftime(at, layout), last
	case 'E':
		return hostname(), i
	case 'm':
		return r.message, i
	case 'N':
		return strconv.FormatUint(r.no, 10), i
	case 'n':
		return "\n", i
	case 'p':
		return r.level.String(), i
	case 'P':
		return strconv.Itoa(os.Getpid()), i
	case 'r':
		return strconv.FormatInt(r.at.Sub(r.started).Milliseconds(), 10), i
	case 't', 'T': // thread's name: goroutines have none
		_, last := braces(p, i, "")
		return "", last
	default:
		return p[i : i+1], i
	}
}

// braces returns what stands in braces behind the letter at i, or otherwise.
func braces(p string, i int, otherwise string) (string, int) {
	if i+1 < len(p) && p[i+1] == '{' {
		if n := strings.IndexByte(p[i+2:], '}'); n >= 0 {
			return p[i+2 : i+2+n], i + 2 + n
		}
	}
	return otherwise, i
}

// goLayouts are the strftime(3) conversions that log patterns use.
var goLayouts = map[byte]string{
	'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'j': "002",
	'h': "Jan", 'b': "Jan", 'B': "January", 'e': "_2", 'T': "15:04:05", 'F': "2006-01-02",
	'a': "Mon", 'A': "Monday", 'Z': "MST", 'z': "-0700", 'I': "03", 'p': "PM",
}

// strftime formats a time; #s stand for decimals of the second.
func strftime(at time.Time, layout string) string {
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		switch {
		case layout[i] == '%' && i+1 < len(layout):
			i++
			if l, ok := goLayouts[layout[i]]; ok {
				b.WriteString(at.Format(l))
			} else {
				b.WriteByte(layout[i])
			}
		case layout[i] == '#':
			n := len(layout[i:]) - len(strings.TrimLeft(layout[i:], "#"))
			frac := fmt.Sprintf("%09d", at.Nanosecond())
			b.WriteString((frac + strings.Repeat("0", max(0, n-9)))[:n])
			i += n - 1
		default:
			b.WriteByte(layout[i])
		}
	}
	return b.String()
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "-"
	}
	return name
}

func programName() string { return filepath.Base(os.Args[0]) }
