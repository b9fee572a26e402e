package lab

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// point is a place where the leak check listens: one end of a segment.
type point struct {
	seg Segment
	end End
	cap *capture
}

func (p *point) name() string { return p.end.Host + "/" + p.end.Dev }

// points opens a capture at every end of every segment.
func (l *lab) points() ([]*point, func(), error) {
	var out []*point
	closeAll := func() {
		for _, p := range out {
			p.cap.file.Close()
		}
	}
	for _, s := range Segments() {
		for _, e := range []End{s.A, s.B} {
			c, err := openCapture(l.topo.ns(e.Host), e.Dev, func(f *frame) bool { return !f.Outgoing })
			if err != nil {
				closeAll()
				return nil, nil, err
			}
			out = append(out, &point{seg: s, end: e, cap: c})
		}
	}
	return out, closeAll, nil
}

// leak sends probe frames from every end of every segment and fails if one was
// missing at the other end, or was seen in another segment.
func (l *lab) leak(ctx context.Context) (string, error) {
	points, closeAll, err := l.points()
	if err != nil {
		return "", err
	}
	defer closeAll()
	wire, err := openCapture(l.topo.ns(hostB), "eth0", nil)
	if err != nil {
		return "", err
	}
	defer wire.file.Close()
	for _, p := range points {
		frames, err := probes(l.st.ID, p.name(), p.end, other(p.seg, p.end))
		if err != nil {
			return "", err
		}
		if err := inject(l.topo.ns(p.end.Host), p.end.Dev, frames...); err != nil {
			return "", err
		}
	}
	l.settle(ctx, func() bool { return len(missing(points, l.st.ID)) == 0 })
	seen := map[*point][]frame{}
	for _, p := range points {
		if seen[p], err = p.cap.stop(); err != nil {
			return "", err
		}
	}
	onWire, err := wire.stop()
	if err != nil {
		return "", err
	}
	if m := missingIn(points, seen, l.st.ID); len(m) > 0 {
		return "", fmt.Errorf("probes did not arrive, so nothing is proven: %s", strings.Join(m, "; "))
	}
	if c := crossed(points, seen, l.st.ID); len(c) > 0 {
		return "", fmt.Errorf("crossed between segments: %s", strings.Join(c, "; "))
	}
	if w := wrongVNI(points, onWire, l.st.ID); len(w) > 0 {
		return "", fmt.Errorf("wrong VNI on the wire: %s", strings.Join(w, "; "))
	}
	return fmt.Sprintf("%d probes from %d ends: each at its other end, none elsewhere, each under its VNI",
		len(points)*len(probeKinds), len(points)), nil
}

// leakCheckCanFail sends red's probe from an end of blue. The check of [lab.leak]
// must call that a leak, else it could not have found a real one.
func (l *lab) leakCheckCanFail(ctx context.Context) (string, error) {
	points, closeAll, err := l.points()
	if err != nil {
		return "", err
	}
	defer closeAll()
	red, blue := points[0], points[2]
	frames, err := probes(l.st.ID, red.name(), blue.end, other(blue.seg, blue.end))
	if err != nil {
		return "", err
	}
	if err := inject(l.topo.ns(blue.end.Host), blue.end.Dev, frames...); err != nil {
		return "", err
	}
	found := func(seen map[*point][]frame) []string { return crossed(points, seen, l.st.ID) }
	l.settle(ctx, func() bool { return len(found(snapshots(points))) >= 1 })
	c := found(snapshots(points))
	if len(c) == 0 {
		return "", fmt.Errorf("red's probes sent in blue were not reported as crossed")
	}
	return fmt.Sprintf("reported %q", c[0]), nil
}

// other is the other end of a segment.
func other(s Segment, e End) End {
	if e == s.A {
		return s.B
	}
	return s.A
}

// settle waits until ok, at most five seconds, and then for what may still be under
// way.
func (l *lab) settle(ctx context.Context, ok func() bool) {
	deadline := time.Now().Add(5 * time.Second)
	for !ok() && time.Now().Before(deadline) && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
	}
}

func snapshots(points []*point) map[*point][]frame {
	seen := map[*point][]frame{}
	for _, p := range points {
		seen[p] = p.cap.snapshot()
	}
	return seen
}

func missing(points []*point, run string) []string {
	return missingIn(points, snapshots(points), run)
}

// missingIn names the probes that are not among the frames of the other end of
// their segment.
func missingIn(points []*point, seen map[*point][]frame, run string) []string {
	var out []string
	for _, from := range points {
		for _, at := range points {
			if at.seg.Name != from.seg.Name || at == from {
				continue
			}
			got := kindsSeen(seen[at], run, from.name())
			for kind, text := range probeKinds {
				if !got[kind] {
					out = append(out, fmt.Sprintf("%s of %s not at %s", text, from.name(), at.name()))
				}
			}
		}
	}
	return out
}

// crossed names the probes that were seen outside of their segment.
func crossed(points []*point, seen map[*point][]frame, run string) []string {
	var out []string
	for _, from := range points {
		for _, at := range points {
			if at.seg.Name == from.seg.Name {
				continue
			}
			for kind := range kindsSeen(seen[at], run, from.name()) {
				out = append(out, fmt.Sprintf("%s of %s (%s) at %s (%s)", probeKinds[kind], from.name(), from.seg.Name, at.name(), at.seg.Name))
			}
		}
	}
	sort.Strings(out)
	return out
}

// wrongVNI names the probes that stand on the underlay under another VNI or IP
// version than their segment's, or without VXLAN.
func wrongVNI(points []*point, frames []frame, run string) []string {
	bad := map[string]bool{}
	for _, f := range frames {
		for _, p := range points {
			if len(kindsSeen([]frame{f}, run, p.name())) == 0 {
				continue
			}
			pkt := gopacket.NewPacket(f.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
			vx, _ := pkt.Layer(layers.LayerTypeVXLAN).(*layers.VXLAN)
			_, v6 := pkt.NetworkLayer().(*layers.IPv6)
			switch {
			case vx == nil:
				bad[p.name()+" without VXLAN"] = true
			case vx.VNI != p.seg.VNI || v6 != p.seg.IPv6:
				bad[fmt.Sprintf("%s under VNI %d, IPv6 %v", p.name(), vx.VNI, v6)] = true
			}
		}
	}
	var out []string
	for b := range bad {
		out = append(out, b)
	}
	sort.Strings(out)
	return out
}
