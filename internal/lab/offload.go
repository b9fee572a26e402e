package lab

import (
	"context"
	"fmt"
	"strings"
)

// offloads that must be on for the lab's claim to mean something.
var offloads = []string{"tx-checksumming", "tcp-segmentation-offload", "generic-segmentation-offload"}

// offloadsOn reads ethtool -k at every host's interface. The lab never sets one:
// this asserts that the kernel's defaults are what people meet.
func (l *lab) offloadsOn(ctx context.Context) (string, error) {
	devs := map[string]string{}
	for _, s := range Segments() {
		devs[s.A.Host+"/"+s.A.Dev], devs[s.B.Host+"/"+s.B.Dev] = s.A.Host, s.B.Host
	}
	devs[hostB+"/eth0"] = hostB
	for hd, host := range devs {
		_, dev, _ := strings.Cut(hd, "/")
		out, err := l.sh.run(ctx, l.topo.in(host, "ethtool", "-k", dev)...)
		if err != nil {
			return "", err
		}
		for _, o := range offloads {
			if !strings.Contains(out, o+": on") {
				return "", fmt.Errorf("%s is not on at %s", o, hd)
			}
		}
	}
	return fmt.Sprintf("%s on at %d interfaces", strings.Join(offloads, ", "), len(devs)), nil
}

// unfilledSeen captures what hosts hand to the switch while traffic of TCP and UDP
// passes in both directions at once, and fails unless frames came without their
// checksum and longer than the MTU: else the offloads would not have been tested.
func (l *lab) unfilledSeen(ctx context.Context, seg Segment) (string, error) {
	type side struct {
		name, dev    string
		cap          *capture
		frames, open int
		longest      int
	}
	sides := []*side{{name: seg.A.Host, dev: seg.Port}, {name: seg.B.Host, dev: portWire}}
	for _, s := range sides {
		c, err := openCapture(l.topo.ns(hostSW), s.dev, func(f *frame) bool {
			if f.Outgoing {
				return false
			}
			s.frames++ // read after stop only
			s.longest = max(s.longest, len(f.Data))
			if f.Unfilled {
				s.open++
			}
			return false
		})
		if err != nil {
			return "", err
		}
		s.cap = c
		defer c.file.Close()
	}
	jobs := []iperfJob{
		{seg: seg, from: seg.A, to: seg.B, port: iperfBasePort, seconds: 1, beside: "3 others"},
		{seg: seg, from: seg.B, to: seg.A, port: iperfBasePort, seconds: 1, beside: "3 others"},
		{seg: seg, from: seg.A, to: seg.B, udp: true, port: iperfBasePort + 1, seconds: 1, beside: "3 others"},
		{seg: seg, from: seg.B, to: seg.A, udp: true, port: iperfBasePort + 1, seconds: 1, beside: "3 others"},
	}
	detail, err := l.together(ctx, jobs)
	for _, s := range sides {
		_, _ = s.cap.stop() // a count from a part of the frames is as good
		detail += fmt.Sprintf("; from %s %d of %d frames unfilled, longest %d", s.name, s.open, s.frames, s.longest)
		if err == nil && s.open == 0 {
			err = fmt.Errorf("no frame from %s came without its checksum: offload was not put to the test", s.name)
		}
		if err == nil && s.longest <= 1514 {
			err = fmt.Errorf("no frame from %s was longer than %d bytes: segmentation offload was not put to the test", s.name, s.longest)
		}
	}
	return strings.TrimPrefix(detail, "; "), err
}

// together makes several iperf3 runs at the same time.
func (l *lab) together(ctx context.Context, jobs []iperfJob) (string, error) {
	type end struct {
		s   Stream
		err error
	}
	ends := make([]chan end, len(jobs))
	for i, j := range jobs {
		ends[i] = make(chan end, 1)
		go func() {
			s, err := l.iperf(ctx, j)
			ends[i] <- end{s, err}
		}()
	}
	var texts []string
	var first error
	for i, c := range ends {
		e := <-c
		err := e.err
		text := ""
		if err == nil {
			l.res.Streams = append(l.res.Streams, e.s)
			text, err = judgeStream(e.s)
		}
		if err != nil && first == nil {
			first = fmt.Errorf("%s %s to %s: %w", jobs[i].seg.Name, jobs[i].from.Host, jobs[i].to.Host, err)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; "), first
}
