package lab

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
)

// Ping is the result of one ping run.
type Ping struct {
	Segment  string  `json:"segment"`
	From     string  `json:"from"`
	To       string  `json:"to"`
	Size     int     `json:"size"` // bytes of payload
	Sent     int     `json:"sent"`
	Received int     `json:"received"`
	MinMS    float64 `json:"min_ms"`
	AvgMS    float64 `json:"avg_ms"`
	MaxMS    float64 `json:"max_ms"`
}

var (
	pingCount = regexp.MustCompile(`(\d+) packets transmitted, (\d+) received`)
	pingRTT   = regexp.MustCompile(`rtt min/avg/max/\w+ = ([\d.]+)/([\d.]+)/([\d.]+)`)
)

// parsePing reads what iputils' ping prints at its end.
func parsePing(out string) (Ping, error) {
	var p Ping
	m := pingCount.FindStringSubmatch(out)
	if m == nil {
		return p, fmt.Errorf("ping printed no count: %q", lastLines(out, 2))
	}
	p.Sent, _ = strconv.Atoi(m[1])
	p.Received, _ = strconv.Atoi(m[2])
	if m := pingRTT.FindStringSubmatch(out); m != nil {
		p.MinMS, _ = strconv.ParseFloat(m[1], 64)
		p.AvgMS, _ = strconv.ParseFloat(m[2], 64)
		p.MaxMS, _ = strconv.ParseFloat(m[3], 64)
	}
	return p, nil
}

// ping sends count echo requests of size bytes from one end to the other and fails
// if one stays without an answer for three seconds.
func (l *lab) ping(ctx context.Context, seg Segment, from, to End, v6 bool, count, size int) (string, error) {
	addr := to.IP4
	if v6 {
		addr = to.IP6
	}
	// All at once (-l), and then patience: ping waits for one interval, or twice the
	// longest round trip, after its last request, whatever -W says.
	args := l.topo.in(from.Host, "ping", "-n", "-c", strconv.Itoa(count), "-l", strconv.Itoa(count), "-i", "3",
		"-W", "5", "-s", strconv.Itoa(size), "-I", from.Dev, addr)
	out, runErr := l.sh.run(ctx, args...)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	p, err := parsePing(out)
	if err != nil {
		if runErr != nil {
			err = runErr
		}
		return "", err
	}
	p.Segment, p.From, p.To, p.Size = seg.Name, from.Host, to.Host, size
	l.res.Pings = append(l.res.Pings, p)
	if p.Received != p.Sent || p.Sent < count {
		return "", fmt.Errorf("%d of %d echo requests to %s were answered", p.Received, max(p.Sent, count), addr)
	}
	return fmt.Sprintf("%d/%d answered, rtt %.2f/%.2f/%.2f ms", p.Received, p.Sent, p.MinMS, p.AvgMS, p.MaxMS), nil
}
