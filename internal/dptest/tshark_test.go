package dptest

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"pgregory.net/rapid"

	"github.com/skua/skua/internal/dp"
)

// tshark dissects frames and returns the named fields of each; a field that occurs
// in several layers has its values joined by "|".
func tshark(t *testing.T, frames [][]byte, fields ...string) [][]string {
	t.Helper()
	tool, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed: nobody judges the frames")
	}
	path := filepath.Join(t.TempDir(), "frames.pcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for _, b := range frames {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(0, 0), CaptureLength: len(b), Length: len(b)}, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"-r", path, "-n", "-T", "fields", "-E", "separator=,", "-E", "quote=d", "-E", "occurrence=a", "-E", "aggregator=|",
		"-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"}
	for _, name := range fields {
		args = append(args, "-e", name)
	}
	cmd := exec.Command(tool, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, stderr.String())
	}
	rows, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
	if err != nil {
		t.Fatalf("tshark's output: %v", err)
	}
	if len(rows) != len(frames) {
		t.Fatalf("tshark shows %d frames of %d", len(rows), len(frames))
	}
	return rows
}

// judge checks frames that must be sound in every layer, with the VNI given.
func judge(t *testing.T, frames [][]byte, vnis []string) {
	t.Helper()
	rows := tshark(t, frames, "vxlan.vni", "ip.checksum.status", "udp.checksum.status", "tcp.checksum.status", "icmpv6.checksum.status",
		"_ws.malformed", "udp.srcport", "frame.protocols")
	for i, r := range rows {
		if r[0] != vnis[i] {
			t.Errorf("frame %d: VNI %q, expected %q (%s)", i, r[0], vnis[i], r[7])
		}
		for n, name := range []string{"IP", "UDP", "TCP", "ICMPv6"} {
			// 0: bad, 1: good, 2: not verified, 3: not present (no checksum).
			if strings.ContainsAny(r[1+n], "02") {
				t.Errorf("frame %d: %s checksum status %q (%s)\n%x", i, name, r[1+n], r[7], frames[i])
			}
		}
		if r[5] != "" {
			t.Errorf("frame %d is malformed: %s (%s)\n%x", i, r[5], r[7], frames[i])
		}
	}
}

// What the model pushes is sound to tshark, over both underlays, with and without
// UDP checksum, around every kind of sound inner frame.
func TestPushedFramesInTshark(t *testing.T) {
	var frames [][]byte
	var vnis []string
	inners := [][]byte{udp4Packet(), tcp4Packet(), udp6Packet(), tcp6Packet(), join(udp4Packet(), []byte{0})}
	for _, inner := range inners {
		for _, ends := range [][2]string{{"10.9.0.1", "10.9.0.2"}, {"fd09::1", "fd09::2"}} {
			for _, csum := range []bool{false, true} {
				for _, vni := range []uint32{0, 1111, 0xffffff} {
					m := NewModel()
					m.AddPort(dp.PortSpec{Kind: dp.PortRing, No: PortB, Name: "b"})
					var f dp.Flow
					f.Actions = dp.Actions{dp.TnlPush{Type: dp.TnlVXLAN, Header: PushHeader(ends[0], ends[1], vni, 0, csum)}, dp.Output{Port: PortB}}
					if err := m.Put(&dp.FlowPut{Flow: f}); err != nil {
						t.Fatal(err)
					}
					r := m.Receive(PortA, inner)
					if len(r.Outputs) != 1 {
						t.Fatalf("%d frames, drops %v", len(r.Outputs), r.Drops)
					}
					frames = append(frames, r.Outputs[0].Frame)
					vnis = append(vnis, fmt.Sprint(vni))
				}
			}
		}
	}
	judge(t, frames, vnis)
}

// Rewrites leave every checksum right.
func TestRewrittenFramesInTshark(t *testing.T) {
	var frames [][]byte
	inners := [][]byte{udp4Packet(), tcp4Packet(), udp6Packet(), tcp6Packet(), ext6(udp6Packet(), protoDstOpts, 0, 0),
		Build(Eth(HostA, HostB, ethIPv6), IP6("fd00::1", "fd00::2", protoICMPv6, 0), &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(135, 0)},
			Raw(join(make([]byte, 4), IP6("fd00::2", "::", 0, 0).SrcIP, []byte{1, 1}, HostA[:])))}
	rapid.Check(t, func(t *rapid.T) {
		f := pick(t, inners, "inner")
		p := &Packet{Frame: append([]byte(nil), f...)}
		l, _ := Parse(f, Meta{})
		for range rapid.IntRange(1, 4).Draw(t, "sets") {
			switch a := genSet(t, &l.Key).(type) {
			case dp.SetIPv4, dp.SetIPv6, dp.SetND:
				p.set(a)
			case dp.SetTP:
				// Well-known ports would have tshark read the payload as something else.
				a.Src, a.Dst, a.SrcMask, a.DstMask = dp.ToBE16(1000+a.Src.Uint()%8), dp.BE16{}, dp.BE16{0xff, 0xff}, dp.BE16{}
				p.set(a)
			case dp.SetEth:
				p.set(a)
			}
		}
		// A type that tshark does not take for IP would hide its checksums.
		frames = append(frames, p.Frame)
	})
	judge(t, frames, make([]string, len(frames)))
}

// A wrong checksum and a cut frame do not pass as sound.
func TestTsharkSeesFaults(t *testing.T) {
	vx := Encap(udp4Packet(), "10.9.0.1", "10.9.0.2", 40000, 1111, 0, true)
	rows := tshark(t, [][]byte{alter(vx, 24, vx[24]^1), alter(vx, 40, vx[40]^1), fitIP(vx[:60], true)}, "ip.checksum.status", "udp.checksum.status", "_ws.malformed")
	if !strings.Contains(rows[0][0], "0") || !strings.Contains(rows[1][1], "0") || rows[2][2] == "" {
		t.Errorf("tshark's verdicts on broken frames: %q", rows)
	}
}
