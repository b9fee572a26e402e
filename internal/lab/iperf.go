package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Stream is the result of one iperf3 run, as the receiver saw it.
type Stream struct {
	Segment  string    `json:"segment"`
	Proto    string    `json:"proto"` // "tcp" or "udp"
	From     string    `json:"from"`
	To       string    `json:"to"`
	Bytes    int64     `json:"bytes"`
	Mbps     float64   `json:"mbps"`
	Sent     float64   `json:"sent_mbps"`
	Lost     float64   `json:"lost_percent"`    // UDP: on the way
	Dropped  float64   `json:"dropped_percent"` // UDP: by the receiver's own full socket
	Resent   int       `json:"retransmits"`     // TCP
	Interval []float64 `json:"interval_mbps"`
	Beside   string    `json:"beside,omitempty"` // what ran at the same time
}

// iperfJob is one iperf3 run to make.
type iperfJob struct {
	seg      Segment
	from, to End
	udp      bool
	port     int
	cport    int // client's port; 0: any
	seconds  int
	bytes    string // if set, ends after so many bytes ("2M") and not after seconds
	beside   string
}

// Limits of a pass. They tell a path that works from one that does not (a host whose
// checksums are never filled in gets nothing through), and are no performance goals.
const (
	minTCPMbps     = 5
	udpMbps        = 25
	maxUDPLost     = 5 // percent
	iperfBasePort  = 5201
	iperfStartWait = 5 * time.Second
)

// iperfOutput is the part of iperf3 -J that the lab reads.
type iperfOutput struct {
	Error     string `json:"error"`
	Intervals []struct {
		Sum struct {
			BitsPerSecond float64 `json:"bits_per_second"`
		} `json:"sum"`
	} `json:"intervals"`
	End struct {
		SumSent     iperfSum `json:"sum_sent"`
		SumReceived iperfSum `json:"sum_received"`
		Sum         iperfSum `json:"sum"` // UDP: the receiver's loss
	} `json:"end"`
}

type iperfSum struct {
	Bytes         float64 `json:"bytes"`
	BitsPerSecond float64 `json:"bits_per_second"`
	Retransmits   int     `json:"retransmits"`
	Packets       int     `json:"packets"`
	LostPackets   int     `json:"lost_packets"`
}

// parseIperf reads iperf3's JSON. A run that iperf3 itself calls failed is an error.
//
// Of the UDP datagrams that iperf3 misses, overflow are charged to the receiver: its
// kernel had them, and dropped them at a socket that iperf3 was too slow to read.
func parseIperf(out string, udp bool, overflow int) (Stream, error) {
	var o iperfOutput
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		return Stream{}, fmt.Errorf("iperf3 output: %w: %q", err, lastLines(out, 3))
	}
	if o.Error != "" {
		return Stream{}, errors.New("iperf3: " + o.Error)
	}
	s := Stream{Proto: "tcp", Bytes: int64(o.End.SumReceived.Bytes), Mbps: o.End.SumReceived.BitsPerSecond / 1e6,
		Sent: o.End.SumSent.BitsPerSecond / 1e6, Resent: o.End.SumSent.Retransmits}
	if udp {
		s.Proto = "udp"
		sum := o.End.Sum
		if sum.Packets == 0 {
			return s, errors.New("iperf3: no datagram was counted")
		}
		own := min(overflow, sum.LostPackets)
		s.Dropped = 100 * float64(own) / float64(sum.Packets)
		s.Lost = 100 * float64(sum.LostPackets-own) / float64(sum.Packets)
	}
	for _, iv := range o.Intervals {
		s.Interval = append(s.Interval, iv.Sum.BitsPerSecond/1e6)
	}
	return s, nil
}

// stream makes one iperf3 run and judges it.
func (l *lab) stream(ctx context.Context, j iperfJob) (string, error) {
	s, err := l.iperf(ctx, j)
	if err != nil {
		return "", err
	}
	l.res.Streams = append(l.res.Streams, s)
	return judgeStream(s)
}

// judgeStream says what a stream reached, or why that is too little.
func judgeStream(s Stream) (string, error) {
	if s.Proto == "udp" {
		text := fmt.Sprintf("%.0f Mbit/s, %.2f%% lost", s.Mbps, s.Lost)
		if s.Dropped > 0 {
			text += fmt.Sprintf(" (and %.2f%% at the receiver's socket)", s.Dropped)
		}
		switch {
		case s.Lost > maxUDPLost:
			return "", fmt.Errorf("%s: more than %d%%", text, maxUDPLost)
		case s.Bytes == 0:
			return "", errors.New("no datagram arrived")
		}
		return text, nil
	}
	text := fmt.Sprintf("%.0f Mbit/s, %d resent", s.Mbps, s.Resent)
	if s.Mbps < minTCPMbps {
		return "", fmt.Errorf("%s: less than %d Mbit/s", text, minTCPMbps)
	}
	return text, nil
}

// iperf runs a server at the receiver and a client at the sender.
func (l *lab) iperf(ctx context.Context, j iperfJob) (Stream, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(j.seconds+12)*time.Second,
		errors.New("iperf3 did not end in time"))
	defer cancel()
	port := strconv.Itoa(j.port)
	l.sh.record(quote(l.topo.in(j.to.Host, "iperf3", "-s", "-1", "-p", port, "-B", j.to.IP4)) + " &")
	srv, err := l.sh.start(ctx, l.topo.in(j.to.Host, "iperf3", "-s", "-1", "-p", port, "-B", j.to.IP4)...)
	if err != nil {
		return Stream{}, err
	}
	defer srv.stop()
	if err := srv.listening(ctx, j.port); err != nil {
		return Stream{}, err
	}
	before, err := l.overflows(j.to.Host)
	if err != nil {
		return Stream{}, err
	}
	args := []string{"iperf3", "-c", j.to.IP4, "-p", port, "-B", j.from.IP4,
		"-i", "0.5", "--connect-timeout", "3000", "-J"}
	if j.bytes != "" {
		args = append(args, "-n", j.bytes)
	} else {
		args = append(args, "-t", strconv.Itoa(j.seconds))
	}
	if j.udp {
		args = append(args, "-u", "-b", strconv.Itoa(udpMbps)+"M")
	}
	if j.cport > 0 {
		args = append(args, "--cport", strconv.Itoa(j.cport))
	}
	out, runErr := l.sh.run(ctx, l.topo.in(j.from.Host, args...)...)
	if ctx.Err() != nil {
		return Stream{}, context.Cause(ctx)
	}
	after, err := l.overflows(j.to.Host)
	if err != nil {
		return Stream{}, err
	}
	s, err := parseIperf(out, j.udp, after-before)
	if err != nil {
		return s, err
	}
	s.Segment, s.From, s.To, s.Beside = j.seg.Name, j.from.Host, j.to.Host, j.beside
	return s, runErr
}

// listening waits until the process's namespace has a TCP socket that listens on
// port (proc(5), net/tcp, state 0A).
func (p *proc) listening(ctx context.Context, port int) error {
	want := fmt.Sprintf(":%04X 00000000:0000 0A", port)
	deadline := time.After(iperfStartWait)
	for {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", p.cmd.Process.Pid))
		if strings.Contains(string(b), want) {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-p.done:
			_, err := p.wait()
			return fmt.Errorf("server ended: %w", err)
		case <-deadline:
			return fmt.Errorf("server does not listen on port %d after %v", port, iperfStartWait)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// overflows returns how many datagrams a host has dropped at full UDP sockets so far
// (proc_net_snmp: Udp RcvbufErrors).
func (l *lab) overflows(host string) (n int, err error) {
	err = within(l.topo.ns(host), func() error {
		b, err := os.ReadFile("/proc/thread-self/net/snmp")
		n = snmpUDP(string(b), "RcvbufErrors")
		return err
	})
	return n, err
}

// snmpUDP reads a counter of the Udp lines of /proc/net/snmp: names, then values.
func snmpUDP(text, name string) int {
	var names []string
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "Udp:" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		for i := range min(len(f), len(names)) {
			if names[i] == name {
				n, _ := strconv.Atoi(f[i])
				return n
			}
		}
	}
	return 0
}
