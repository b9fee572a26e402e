package worker

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/dp"
)

const (
	inPort  dp.PortNo = 1
	outPort dp.PortNo = 2
	tunPort dp.PortNo = 3
)

// keyOf is the flow key of an Ethernet, IPv4, UDP frame, read by gopacket.
func keyOf(t *testing.T, frame []byte, in dp.PortNo) dp.Key {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		t.Fatal(e.Error())
	}
	eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	udp := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	var k dp.Key
	k.InPort = in
	k.EthSrc, k.EthDst = dp.MAC(eth.SrcMAC), dp.MAC(eth.DstMAC)
	k.EthType = dp.ToBE16(uint16(eth.EthernetType))
	k.IPSrc, k.IPDst = dp.BE32(ip.SrcIP.To4()), dp.BE32(ip.DstIP.To4())
	k.IPProto, k.IPTOS, k.IPTTL = uint8(ip.Protocol), ip.TOS, ip.TTL
	k.TPSrc, k.TPDst = dp.ToBE16(uint16(udp.SrcPort)), dp.ToBE16(uint16(udp.DstPort))
	return k
}

// matching returns the flows that a packet matches.
func matching(puts []dp.FlowPut, k *dp.Key) (found []dp.FlowPut) {
	for _, p := range puts {
		if p.Key.Matches(&p.Mask, k) {
			found = append(found, p)
		}
	}
	return found
}

// TestEveryPacketHasOneMegaflow replays what each case sends against what it
// installs: exactly one flow takes each packet, and does the case's work with it.
func TestEveryPacketHasOneMegaflow(t *testing.T) {
	const flows = 40
	for _, exact := range []bool{false, true} {
		for _, vnis := range []int{1, 7} {
			for _, job := range []bench.Job{bench.Forward, bench.Push, bench.Pop} {
				t.Run(fmt.Sprintf("%s exact=%v vnis=%d", job, exact, vnis), func(t *testing.T) {
					checkCase(t, bench.Case{Job: job, Flows: flows}, exact, vnis)
				})
			}
		}
	}
}

func checkCase(t *testing.T, c bench.Case, exact bool, vnis int) {
	plan := traffic.Plan{Proto: 17, VNIs: vnis}
	w := &worker{spec: Spec{Case: c, Plan: plan, Exact: exact}, in: inPort, out: outPort, tun: tunPort}
	puts, err := w.megaflows()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range puts {
		if p.Key.Apply(&p.Mask) != p.Key {
			t.Fatalf("flow %+v has bits outside of its mask", p)
		}
	}
	used := map[dp.Key]bool{}
	take := func(k dp.Key) dp.Actions {
		found := matching(puts, &k)
		if len(found) != 1 {
			t.Fatalf("packet %+v matches %d flows", k, len(found))
		}
		used[found[0].Key] = true
		return found[0].Actions
	}
	for i := range c.Flows {
		f := plan.Flow(i)
		frame, err := f.Frame()
		if err != nil {
			t.Fatal(err)
		}
		k := keyOf(t, frame, inPort)
		if c.Job == bench.Pop {
			popOuter(t, f, take)
			k.InPort = tunPort
			k.Tun = dp.KeyTun{
				Src: mapped(traffic.RemoteIP), Dst: mapped(traffic.LocalIP), TunID: dp.ToBE64(uint64(f.VNI)), Flags: dp.TunKey,
				TTL: 64, TPSrc: dp.ToBE16(f.OuterSPort), TPDst: dp.ToBE16(traffic.VXLANPort),
			}
			k.SetLines()
		}
		want := dp.Actions{dp.Output{Port: outPort}}
		if c.Job == bench.Push {
			header, err := traffic.PushHeader(f.VNI)
			if err != nil {
				t.Fatal(err)
			}
			want = dp.Actions{dp.TnlPush{TnlPort: tunPort, OutPort: outPort, Type: dp.TnlVXLAN, Header: header}, want[0]}
		}
		if d := cmp.Diff(want, take(k)); d != "" {
			t.Fatalf("flow %d of %s: actions: %s", i, c.Job, d)
		}
	}
	if len(used) != len(puts) {
		t.Errorf("%d of %d flows were never matched", len(puts)-len(used), len(puts))
	}
}

func popOuter(t *testing.T, f traffic.Flow, take func(dp.Key) dp.Actions) {
	t.Helper()
	frame, err := f.Encapsulated()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(dp.Actions{dp.TnlPop{Port: tunPort}}, take(keyOf(t, frame, inPort))); d != "" {
		t.Fatalf("actions of the outer packet: %s", d)
	}
}

func TestFootprintGrows(t *testing.T) {
	before, _, err := footprint()
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	after, heap, err := footprint()
	if err != nil {
		t.Fatal(err)
	}
	if grown := after - before; grown < 60<<20 {
		t.Errorf("64 MB more in memory grew the process by %.0f bytes", grown)
	}
	if heap < 64<<20 {
		t.Errorf("a heap with 64 MB in use has %.0f bytes", heap)
	}
	if block[0] != 1 {
		t.Error("the block is gone")
	}
}
