package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/skua/skua/internal/lab/ui"
)

// needHosts skips a test that makes namespaces where that cannot be done.
func needHosts(t *testing.T) {
	t.Helper()
	o := Options{Switch: SwitchKernel}
	if err := preflight(&o); err != nil {
		t.Skip(err)
	}
	l := newTestLab(t)
	err := l.sh.each(context.Background(), "ip netns add "+l.topo.ns(hostB),
		"ip -n "+l.topo.ns(hostB)+" link add v type vxlan id 1 dstport 4789")
	l.done(t)
	if err != nil {
		t.Skip("no vxlan device in a namespace of its own: ", err)
	}
}

func newTestLab(t *testing.T) *lab {
	t.Helper()
	o := Options{Switch: SwitchKernel, UI: ui.Discard{}, CPU: -1}
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	l, err := newLab(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// done removes the run and fails the test if something is left.
func (l *lab) done(t *testing.T) {
	t.Helper()
	if _, err := l.finish(context.Background()); err != nil {
		t.Error(err)
	}
	if left := leftovers(l.st.ID); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// outer puts Ethernet, IPv4, UDP and VXLAN in front of a frame.
func outer(t *testing.T, vni uint32, inner []byte) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true},
		&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4},
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{192, 0, 2, 2}},
		&layers.UDP{SrcPort: 50000, DstPort: vxlanPort},
		gopacket.Payload(vxlanFrame(8, [3]byte{}, vni, 0, inner)))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTopology(t *testing.T) {
	needHosts(t)
	ctx := context.Background()
	// Two at once, from their first command to their last: names do not meet.
	a, b := newTestLab(t), newTestLab(t)
	for _, l := range []*lab{a, b} {
		defer l.done(t)
		if err := l.sh.each(ctx, append(l.topo.makeHosts(), l.topo.makeLinks()...)...); err != nil {
			t.Fatal(err)
		}
	}
	if n := namespaces(a.st.ID); len(n) != len(hosts) {
		t.Errorf("namespaces: %v", n)
	}
	for _, seg := range Segments() {
		out, err := a.sh.run(ctx, "ip", "-n", a.topo.ns(seg.B.Host), "-d", "link", "show", seg.B.Dev)
		if err != nil || !strings.Contains(out, "vxlan id "+fmt.Sprint(seg.VNI)) || !strings.Contains(out, "mtu "+fmt.Sprint(seg.MTU)) {
			t.Errorf("%s: %v: %s", seg.Name, err, out)
		}
	}
	if _, err := a.offloadsOn(ctx); err != nil {
		t.Error(err)
	}
	a.done(t)
	if n := namespaces(b.st.ID); len(n) != len(hosts) {
		t.Errorf("removing one run changed another: %v", n)
	}
}

func TestOffloadsOffIsSeen(t *testing.T) {
	needHosts(t)
	ctx := context.Background()
	l := newTestLab(t)
	defer l.done(t)
	err := l.sh.each(ctx, append(append(l.topo.makeHosts(), l.topo.makeLinks()...),
		"ip netns exec "+l.topo.ns(hostA2)+" ethtool -K eth0 tx off")...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.offloadsOn(ctx); err == nil || !strings.Contains(err.Error(), "a2/eth0") {
		t.Errorf("tx off at a2/eth0: %v", err)
	}
}

func TestRemoveTwice(t *testing.T) {
	needHosts(t)
	l := newTestLab(t)
	if err := l.sh.each(context.Background(), l.topo.makeHosts()...); err != nil {
		t.Fatal(err)
	}
	p, err := l.sh.start(context.Background(), l.topo.in(hostA1, "sleep", "60")...)
	if err != nil {
		t.Fatal(err)
	}
	for in := []int(nil); len(in) == 0; time.Sleep(time.Millisecond) {
		if in, err = inside(l.st.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := remove(l.st.ID); err != nil { // with a process inside
		t.Error(err)
	}
	<-p.done
	if err := remove(l.st.ID); err != nil {
		t.Errorf("second time: %v", err)
	}
	l.done(t)
}

func TestMain(m *testing.M) {
	if os.Getenv(asLab) != "" {
		os.Exit(labProcess())
	}
	os.Exit(m.Run())
}
