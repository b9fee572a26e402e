package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Wire is tshark's verdict on what the switch put on the underlay for one segment.
type Wire struct {
	Segment   string   `json:"segment"`
	Frames    int      `json:"frames"` // all that the switch sent
	VXLAN     int      `json:"vxlan"`  // those that are VXLAN of the segment's VNI
	WrongVNI  int      `json:"wrong_vni"`
	Malformed int      `json:"malformed"`
	BadSums   int      `json:"bad_checksums"`
	GoodSums  int      `json:"good_checksums"` // TCP, UDP, ICMP, IP: all layers
	Longest   int      `json:"longest_bytes"`
	Flows     int      `json:"inner_flows"`  // inner UDP flows of the sport test
	Ports     int      `json:"source_ports"` // distinct outer source ports of those
	Problems  []string `json:"problems,omitempty"`
}

// sportFlows is how many inner flows the source port test sends, sportEach how many
// datagrams each.
const (
	sportFlows = 32
	sportEach  = 3
	sportBase  = 42000
)

// wireMTU is the underlay's MTU, a veth's default.
const wireMTU = 1500

// vxlanFlags is the VXLAN header's first 16 bits with flag I alone, as tshark prints them.
const vxlanFlags = "0x0800"

// wireFields are asked of tshark for each frame; layers' values come outermost first.
var wireFields = []string{
	"frame.number", "frame.len", "eth.src", "frame.protocols", "vxlan.vni", "vxlan.flags",
	"udp.srcport", "udp.dstport", "ip.version", "ipv6.version", "_ws.malformed", "ip.checksum.status",
	"udp.checksum.status", "tcp.checksum.status", "icmp.checksum.status", "icmpv6.checksum.status",
}

// wire has hosts talk over seg while it captures what the switch sends to b, and
// lets tshark judge it: VXLAN with the segment's VNI, nothing malformed, every
// checksum good, one outer source port per inner flow and different ones for
// different flows (RFC 7348 section 5).
func (l *lab) wire(ctx context.Context, seg Segment) (string, error) {
	c, err := openCapture(l.topo.ns(hostB), "eth0", func(f *frame) bool { return !f.Outgoing })
	if err != nil {
		return "", err
	}
	defer c.file.Close()
	if err := l.wireTraffic(ctx, seg); err != nil {
		return "", err
	}
	time.Sleep(50 * time.Millisecond)
	frames, err := c.stop()
	if err != nil {
		return "", err
	}
	file := filepath.Join(stateDir(l.st.ID), "wire-"+seg.Name+".pcap")
	if err := writePcap(file, frames); err != nil {
		return "", err
	}
	args := []string{"tshark", "-n", "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
		"-o", "tcp.check_checksum:TRUE", "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"}
	for _, f := range wireFields {
		args = append(args, "-e", f)
	}
	out, err := l.sh.run(ctx, args...)
	if err != nil {
		return "", err
	}
	w := judgeWire(out, seg)
	l.res.Wire = append(l.res.Wire, w)
	if w.Frames != len(frames) {
		return "", fmt.Errorf("tshark read %d frames of %d", w.Frames, len(frames))
	}
	if err := w.verdict(); err != nil {
		return "", errors.Join(err, l.saveCapture(file))
	}
	return fmt.Sprintf("%d frames, %d VXLAN of VNI %d, %d checksums good, none bad, %d source ports for %d flows",
		w.Frames, w.VXLAN, seg.VNI, w.GoodSums, w.Ports, w.Flows), nil
}

// saveCapture keeps a capture with something wrong in it beside the report, and says
// where.
func (l *lab) saveCapture(file string) error {
	if l.opts.Report == "" {
		return nil
	}
	b, err := os.ReadFile(file)
	kept := filepath.Join(filepath.Dir(l.opts.Report), filepath.Base(file))
	if err == nil {
		err = writeFile(kept, b)
	}
	if err != nil {
		return fmt.Errorf("capture could not be kept: %w", err)
	}
	return errors.New("capture: " + kept)
}

// verdict is nil if nothing is wrong.
func (w *Wire) verdict() error {
	var errs []error
	say := func(bad bool, format string, a ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, a...))
		}
	}
	say(w.VXLAN == 0, "no VXLAN frame of the segment")
	say(w.WrongVNI > 0, "%d frames with another VNI or flags", w.WrongVNI)
	say(w.Malformed > 0, "%d malformed frames", w.Malformed)
	say(w.BadSums > 0, "%d bad checksums", w.BadSums)
	say(w.Longest > wireMTU+14, "a frame of %d bytes on an underlay with an MTU of %d", w.Longest, wireMTU)
	say(w.GoodSums == 0, "no checksum was judged")
	say(w.Flows < sportFlows, "%d of %d inner flows on the wire", w.Flows, sportFlows)
	say(w.Ports < sportFlows/4, "%d outer source ports for %d inner flows", w.Ports, w.Flows)
	for _, p := range w.Problems {
		errs = append(errs, errors.New(p))
	}
	return errors.Join(errs...)
}

// wireTraffic sends a little of everything from A to B.
func (l *lab) wireTraffic(ctx context.Context, seg Segment) error {
	for _, v6 := range []bool{false, true} {
		if _, err := l.ping(ctx, seg, seg.A, seg.B, v6, 2, 1000); err != nil {
			return err
		}
	}
	if err := l.sportDatagrams(seg); err != nil {
		return err
	}
	_, err := l.together(ctx, []iperfJob{
		{seg: seg, from: seg.A, to: seg.B, port: iperfBasePort, bytes: "2M", beside: "capture"},
		{seg: seg, from: seg.A, to: seg.B, udp: true, port: iperfBasePort + 1, bytes: "500K", beside: "capture"},
	})
	return err
}

// sportDatagrams sends UDP datagrams from A to B by way of the host's own stack, in
// sportFlows flows.
func (l *lab) sportDatagrams(seg Segment) error {
	return within(l.topo.ns(seg.A.Host), func() error {
		for i := range sportFlows {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("udp socket: %w", err)
			}
			err = unix.Bind(fd, &unix.SockaddrInet4{Port: sportBase + i, Addr: addr4(seg.A.IP4)})
			for n := 0; n < sportEach && err == nil; n++ {
				err = unix.Sendto(fd, []byte("source port of one flow"), 0, &unix.SockaddrInet4{Port: 9, Addr: addr4(seg.B.IP4)})
			}
			unix.Close(fd)
			if err != nil {
				return fmt.Errorf("udp flow %d: %w", i, err)
			}
		}
		return nil
	})
}

func addr4(s string) (a [4]byte) {
	copy(a[:], net.ParseIP(s).To4())
	return a
}

// judgeWire counts over tshark's fields.
func judgeWire(out string, seg Segment) Wire {
	w := Wire{Segment: seg.Name}
	ports := map[string]map[string]bool{} // inner flow -> outer source ports
	for _, line := range strings.Split(out, "\n") {
		f := strings.Split(line, "|")
		if len(f) != len(wireFields) {
			continue
		}
		w.Frames++
		w.frame(f, seg, ports)
	}
	w.Flows = len(ports)
	distinct := map[string]bool{}
	for flow, set := range ports {
		if len(set) > 1 {
			w.problem("inner flow from port %s left by %d outer source ports", flow, len(set))
		}
		for p := range set {
			distinct[p] = true
		}
	}
	w.Ports = len(distinct)
	return w
}

// problem keeps the first few problems; the counts tell how many there are.
func (w *Wire) problem(format string, a ...any) {
	if len(w.Problems) < 4 {
		w.Problems = append(w.Problems, fmt.Sprintf(format, a...))
	}
}

// frame counts one frame. Of a field that stands in several layers tshark gives the
// values in order, separated by commas.
func (w *Wire) frame(f []string, seg Segment, ports map[string]map[string]bool) {
	col := func(name string) []string {
		for i, n := range wireFields {
			if n == name && f[i] != "" {
				return strings.Split(f[i], ",")
			}
		}
		return nil
	}
	number := f[0]
	if n, _ := strconv.Atoi(f[1]); n > w.Longest {
		w.Longest = n
	}
	if col("_ws.malformed") != nil {
		w.Malformed++
		w.problem("frame %s (%s) is malformed", number, f[3])
	}
	for _, name := range wireFields[11:] {
		for _, status := range col(name) {
			switch status { // Wireshark's proto_checksum_e: 0 bad, 1 good
			case "0", "Bad":
				w.BadSums++
				w.problem("frame %s (%s): %s is bad", number, f[3], strings.TrimSuffix(name, ".status"))
			case "1", "Good":
				w.GoodSums++
			}
		}
	}
	vni := col("vxlan.vni")
	if vni == nil {
		return // ARP, ND and the like of the switch's own
	}
	v4, v6 := strings.Contains(f[3], "eth:ethertype:ip:udp:vxlan"), strings.Contains(f[3], "eth:ethertype:ipv6:udp:vxlan")
	if v6 != seg.IPv6 && v4 == seg.IPv6 {
		return // another segment's; background traffic such as a router solicitation
	}
	flags := col("vxlan.flags")
	if len(vni) != 1 || vni[0] != strconv.Itoa(int(seg.VNI)) || len(flags) != 1 || flags[0] != vxlanFlags {
		if !background(f, vni, flags, seg) {
			w.WrongVNI++
			w.problem("frame %s: VNI %v flags %v", number, vni, flags)
		}
		return
	}
	w.VXLAN++
	src, dst := col("udp.srcport"), col("udp.dstport")
	if len(src) == 2 && dst[1] == "9" {
		if n, _ := strconv.Atoi(src[1]); n >= sportBase && n < sportBase+sportFlows {
			if ports[src[1]] == nil {
				ports[src[1]] = map[string]bool{}
			}
			ports[src[1]][src[0]] = true
		}
	}
}

// background reports whether a frame is not of the test's making: hosts of the other
// segments send router solicitations, ARP and group reports when they like, under
// their own VNI. That nothing crosses is another step's to prove.
func background(f, vni, flags []string, seg Segment) bool {
	inner := f[3][strings.Index(f[3], "vxlan"):]
	if !strings.Contains(inner, "arp") && !strings.Contains(inner, "icmpv6") && !strings.Contains(inner, "igmp") {
		return false
	}
	for _, s := range Segments() {
		if s.IPv6 == seg.IPv6 && len(vni) == 1 && vni[0] == strconv.Itoa(int(s.VNI)) {
			return len(flags) == 1 && flags[0] == vxlanFlags
		}
	}
	return false
}
