package obs

import (
	"fmt"
	"io"
	"net"
	"time"
)

// facilityDaemon is RFC 5424's facility of system daemons.
const facilityDaemon = 3

// facilities are the names that vlog/set FACILITY:name takes (syslog(3)).
var facilities = map[string]int{
	"kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7,
	"uucp": 8, "clock": 9, "cron": 9, "authpriv": 10, "ftp": 11, "ntp": 12, "audit": 13, "alert": 14,
	"clock2": 15, "local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21,
	"local6": 22, "local7": 23,
}

const (
	syslogSocket  = "/dev/log"
	syslogRetry   = 30 * time.Second       // between attempts to reach the system's log
	syslogTimeout = 100 * time.Millisecond // for a message; then it is lost
)

// sysLog is the syslog destination: datagrams to the local system's log as RFC 3164
// section 4.1 has them. Package log/syslog is not used because it blocks without
// bound when the system's log does not read.
type sysLog struct {
	dial func() (io.WriteCloser, error)
	conn io.WriteCloser
	next time.Time // no attempt to connect before
}

// write sends a message; where nobody listens it is lost.
func (s *sysLog) write(r *record, message string) {
	if s.conn == nil && !s.connect(r.at) {
		return
	}
	header := fmt.Sprintf("<%d>%s %s: ", r.facility*8+syslogSeverity(r.level),
		r.at.Local().Format(time.Stamp), r.program)
	if d, ok := s.conn.(net.Conn); ok {
		_ = d.SetWriteDeadline(time.Now().Add(syslogTimeout))
	}
	if _, err := io.WriteString(s.conn, header+message); err != nil {
		s.close()
		s.next = r.at.Add(syslogRetry)
	}
}

func (s *sysLog) connect(now time.Time) bool {
	if now.Before(s.next) {
		return false
	}
	dial := s.dial
	if dial == nil {
		dial = func() (io.WriteCloser, error) { return net.Dial("unixgram", syslogSocket) }
	}
	conn, err := dial()
	if err != nil {
		s.next = now.Add(syslogRetry)
		return false
	}
	s.conn = conn
	return true
}

func (s *sysLog) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
