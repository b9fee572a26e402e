package lab

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParsePing(t *testing.T) {
	const good = `PING 10.1.0.2 (10.1.0.2) from 10.1.0.1 eth0: 56(84) bytes of data.
64 bytes from 10.1.0.2: icmp_seq=1 ttl=64 time=0.420 ms

--- 10.1.0.2 ping statistics ---
5 packets transmitted, 4 received, 20% packet loss, time 401ms
rtt min/avg/max/mdev = 0.050/0.180/0.420/0.120 ms
`
	got, err := parsePing(good)
	want := Ping{Sent: 5, Received: 4, MinMS: 0.05, AvgMS: 0.18, MaxMS: 0.42}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	lost, err := parsePing("2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 10ms\n")
	if err != nil || lost.Received != 0 || lost.Sent != 2 {
		t.Errorf("all lost: %+v, %v", lost, err)
	}
	if _, err := parsePing("ping: connect: Network is unreachable\n"); err == nil {
		t.Error("text without a count was taken")
	}
}

func TestParseIperf(t *testing.T) {
	const tcp = `{"intervals":[{"sum":{"bits_per_second":1e9}},{"sum":{"bits_per_second":2e9}}],
		"end":{"sum_sent":{"bits_per_second":1.6e9,"retransmits":7},"sum_received":{"bytes":375000000,"bits_per_second":1.5e9}}}`
	got, err := parseIperf(tcp, false, 0)
	want := Stream{Proto: "tcp", Bytes: 375000000, Mbps: 1500, Sent: 1600, Resent: 7, Interval: []float64{1000, 2000}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("tcp: %v\n%s", err, diff)
	}
	const udp = `{"end":{"sum_sent":{"bits_per_second":5e7},"sum_received":{"bytes":1000,"bits_per_second":4e7},
		"sum":{"packets":100,"lost_packets":20}}}`
	got, err = parseIperf(udp, true, 0)
	if err != nil || got.Lost != 20 || got.Mbps != 40 || got.Proto != "udp" {
		t.Errorf("udp: %+v, %v", got, err)
	}
	for overflow, lost := range map[int]float64{5: 15, 20: 0, 500: 0} {
		if got, err = parseIperf(udp, true, overflow); err != nil || got.Lost != lost || got.Lost+got.Dropped != 20 {
			t.Errorf("udp with %d dropped by the receiver: %+v, %v", overflow, got, err)
		}
	}
	const snmp = "Udp: InDatagrams NoPorts RcvbufErrors\nUdp: 10 2 7\nUdpLite: RcvbufErrors\nUdpLite: 3\n"
	if n := snmpUDP(snmp, "RcvbufErrors"); n != 7 {
		t.Errorf("RcvbufErrors: %d", n)
	}
	for name, text := range map[string]string{
		"iperf3's own error": `{"error":"unable to connect to server: Connection refused"}`,
		"no JSON":            "iperf3: error - bad", "nothing": "",
	} {
		if _, err := parseIperf(text, false, 0); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := parseIperf(`{"end":{}}`, true, 0); err == nil {
		t.Error("a UDP run without a datagram passed")
	}
}

func TestJudgeStream(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Stream
		ok   bool
	}{
		{"tcp", Stream{Proto: "tcp", Mbps: 900}, true},
		{"tcp that stands", Stream{Proto: "tcp", Mbps: 0.3}, false},
		{"udp", Stream{Proto: "udp", Mbps: 50, Bytes: 1, Lost: 0.5}, true},
		{"udp with loss", Stream{Proto: "udp", Mbps: 45, Bytes: 1, Lost: 9}, false},
		{"udp without data", Stream{Proto: "udp"}, false},
	} {
		if _, err := judgeStream(c.s); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

const pmdStats = `pmd thread numa_id 0 core_id 1:
  packets received: 1000
  packet recirculations: 20
  avg. datapath passes per packet: 1.02
  emc hits: 900
  smc hits: 0
  megaflow hits: 90
  avg. subtable lookups per megaflow hit: 1.50
  miss with success upcall: 8
  miss with failed upcall: 2
  avg. packets per output batch: 2.00
  idle cycles: 600 (60.00%)
  processing cycles: 400 (40.00%)
  avg cycles per packet: 1.00 (1000/1000)
  avg processing cycles per packet: 0.40 (400/1000)
main thread:
  packets received: 3
`

func TestParseLcores(t *testing.T) {
	want := []Lcore{
		{Name: "pmd thread numa_id 0 core_id 1", CPU: 1, Packets: 1000, Recirc: 20, EMC: 900, Megaflow: 90, Lookups: 1.5,
			Missed: 8, Lost: 2, Idle: 600, Busy: 400, CyclesPerPkt: 0.4},
		{Name: "main thread", CPU: -1, Packets: 3},
	}
	if diff := cmp.Diff(want, parseLcores(pmdStats)); diff != "" {
		t.Error(diff)
	}
	if got := parseLcores("  stray: 1\n"); got != nil {
		t.Errorf("a value without a thread gave %v", got)
	}
}

func TestParseCoverage(t *testing.T) {
	const text = `Event coverage, avg rate over last: 5 seconds, last minute, last hour,  hash=c0ffee00:
drop_vxlan_unknown_vni     1.0/sec     0.083/sec        0.0014/sec   total: 5
upcall                     0.0/sec     0.000/sec        0.0000/sec   total: 12
3 events never hit
`
	cs := parseCoverage(text)
	if diff := cmp.Diff([]Counter{{"drop_vxlan_unknown_vni", 5}, {"upcall", 12}}, cs); diff != "" {
		t.Error(diff)
	}
	if n := countOf(cs, "vxlan_unknown_vni"); n != 5 {
		t.Errorf("count with a prefix: %d", n)
	}
	if n := countOf(cs, "unknown"); n != 0 {
		t.Errorf("count of a part of a name: %d", n)
	}
	if got := dropCounters(cs); len(got) != 1 {
		t.Errorf("drops: %v", got)
	}
}

// wireLine makes a line of tshark's fields.
func wireLine(v map[string]string) string {
	out := make([]string, len(wireFields))
	for i, f := range wireFields {
		out[i] = v[f]
	}
	return strings.Join(out, "|")
}

func TestJudgeWire(t *testing.T) {
	red := Segments()[0]
	frame := func(change map[string]string) string {
		v := map[string]string{
			"frame.number": "1", "frame.len": "114", "frame.protocols": "eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:udp:data",
			"vxlan.vni": "1111", "vxlan.flags": vxlanFlags, "udp.srcport": "50000,42000", "udp.dstport": "4789,9",
			"ip.checksum.status": "1,1", "udp.checksum.status": "3,1",
		}
		for k, x := range change {
			v[k] = x
		}
		return wireLine(v)
	}
	var all []string
	for i := range sportFlows {
		all = append(all, frame(map[string]string{"udp.srcport": fmt.Sprintf("%d,%d", 50000+i, sportBase+i)}))
	}
	good := judgeWire(strings.Join(all, "\n"), red)
	if err := good.verdict(); err != nil || good.VXLAN != sportFlows || good.GoodSums != 3*sportFlows {
		t.Fatalf("good frames: %v, %+v", err, good)
	}
	for name, change := range map[string]map[string]string{
		"malformed":              {"_ws.malformed": "1"},
		"bad outer IP checksum":  {"ip.checksum.status": "0,1"},
		"bad inner UDP checksum": {"udp.checksum.status": "3,0"},
		"another VNI":            {"vxlan.vni": "2222"},
		"a flag too many":        {"vxlan.flags": "0x8800"},
		"two source ports":       {"udp.srcport": "60000,42000"},
		"longer than the MTU":    {"frame.len": "1515"},
	} {
		w := judgeWire(strings.Join(append(all, frame(change)), "\n"), red)
		if w.verdict() == nil {
			t.Errorf("%s: passed: %+v", name, w)
		}
	}
	one := strings.Join(all, "\n") // every flow by the same port
	for i := range sportFlows {
		one = strings.ReplaceAll(one, fmt.Sprintf("|%d,", 50000+i), "|50000,")
	}
	if w := judgeWire(one, red); w.verdict() == nil {
		t.Errorf("one source port for all flows passed: %+v", w)
	}
	quietBlue := frame(map[string]string{"vxlan.vni": "2222", "frame.protocols": "eth:ethertype:ip:udp:vxlan:eth:ethertype:arp"})
	if w := judgeWire(strings.Join(append(all, quietBlue), "\n"), red); w.verdict() != nil {
		t.Errorf("another segment's ARP: %v", w.verdict())
	}
	if w := judgeWire("", red); w.verdict() == nil {
		t.Error("no frame at all passed")
	}
}
