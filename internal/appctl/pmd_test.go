package appctl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/dp"
)

// figures are those of three lcores: housekeeping, core 0 with traffic, core 1 idle.
func figures() []dp.LcoreStats {
	return []dp.LcoreStats{
		{ID: 0, Housekeeping: true, CPU: -1, Socket: -1, RxPackets: 1, UpcallsSent: 1, Misses: 1, TxPackets: 3, TxBatches: 3,
			BusyCycles: 5, IdleCycles: 6, Sleeps: 9},
		{ID: 2, CPU: 1, Socket: 0, IdleCycles: 31542645656, Turns: 4},
		{ID: 1, CPU: 0, Socket: 0, RxPackets: 4, RxBatches: 2, Recirculations: 2, EMCHits: 1, MaskedHits: 3, MaskedVisits: 4,
			UpcallsSent: 1, UpcallsLost: 2, Misses: 3, TxPackets: 5, TxBatches: 2, ShortcutPops: 7,
			BusyCycles: 596838, IdleCycles: 31563592642, Turns: 10, HeldPackets: 2,
			StageCycles: [dp.NumStages]uint64{40, 50, 60, 70, 82}, StagePackets: 4,
			Drops: []dp.DropCount{
				{Name: "flow_drop", Text: "the flow's actions drop the packet", Packets: 3},
				{Name: "vxlan_unknown_vni", Text: "VNI that the tunnel port does not terminate", Packets: 4},
				{Name: "tnl_ecn", Text: "never", Packets: 0},
			}},
	}
}

var (
	core0Stats = lines(
		"pmd thread numa_id 0 core_id 0:",
		"  packets received: 4",
		"  packet recirculations: 2",
		"  avg. datapath passes per packet: 1.50",
		"  phwol hits: 0",
		"  mfex opt hits: 0",
		"  simple match hits: 0",
		"  emc hits: 1",
		"  smc hits: 0",
		"  megaflow hits: 3",
		"  avg. subtable lookups per megaflow hit: 1.33",
		"  miss with success upcall: 1",
		"  miss with failed upcall: 2",
		"  avg. packets per output batch: 2.50",
		"  idle cycles: 31563592642 (100.00%)",
		"  processing cycles: 596838 (0.00%)",
		"  avg cycles per packet: 7891047370.00 (31564189480/4)",
		"  avg processing cycles per packet: 149209.50 (596838/4)")
	core1Stats = lines(
		"pmd thread numa_id 0 core_id 1:",
		"  packets received: 0",
		"  packet recirculations: 0",
		"  avg. datapath passes per packet: 0.00",
		"  phwol hits: 0",
		"  mfex opt hits: 0",
		"  simple match hits: 0",
		"  emc hits: 0",
		"  smc hits: 0",
		"  megaflow hits: 0",
		"  avg. subtable lookups per megaflow hit: 0.00",
		"  miss with success upcall: 0",
		"  miss with failed upcall: 0",
		"  avg. packets per output batch: 0.00",
		"  idle cycles: 31542645656 (100.00%)",
		"  processing cycles: 0 (0.00%)")
	mainStats = lines(
		"main thread:",
		"  packets received: 1",
		"  packet recirculations: 0",
		"  avg. datapath passes per packet: 1.00",
		"  phwol hits: 0",
		"  mfex opt hits: 0",
		"  simple match hits: 0",
		"  emc hits: 0",
		"  smc hits: 0",
		"  megaflow hits: 0",
		"  avg. subtable lookups per megaflow hit: 0.00",
		"  miss with success upcall: 1",
		"  miss with failed upcall: 0",
		"  avg. packets per output batch: 1.00")
)

func TestPmdStats(t *testing.T) {
	b := newBench(t)
	b.dp.lcores = figures()
	b.steps([]step{
		{args: args("dpif-netdev/pmd-stats-show"), out: core0Stats + core1Stats + mainStats},
		{args: args("dpif-netdev/pmd-stats-show ovs-netdev"), out: core0Stats + core1Stats + mainStats},
		{args: args("dpif-netdev/pmd-stats-show -pmd 1"), out: core1Stats},
		{args: args("dpif-netdev/pmd-stats-show -pmd 9")},
		{args: args("dpif-netdev/pmd-stats-show -pmd x"), err: "-pmd: \"x\" is not a number\n"},
		{args: args("dpif-netdev/pmd-stats-show -pmd"), err: "-pmd needs a number behind it\n"},
		{args: args("dpif-netdev/pmd-stats-show nosuch"), err: "please specify an existing datapath\n"},
		{args: args("dpif-netdev/pmd-stats-show a b c d"), err: "\"dpif-netdev/pmd-stats-show\" command takes at most 3 arguments\n"},
	})
}

func TestPmdStatsClear(t *testing.T) {
	b := newBench(t)
	b.dp.lcores = figures()
	b.must("dpif-netdev/pmd-stats-clear", "-pmd", "0")
	if diff := cmp.Diff(figures(), b.dp.lcores); diff != "" {
		t.Fatalf("the data plane's own counters changed:\n%s", diff)
	}
	if got := b.must("dpctl/show"); !strings.Contains(got, "lookups: hit:0 missed:1 lost:0\n") {
		t.Errorf("dpctl/show after the clear:\n%s", got)
	}
	b.dp.lcores[2].RxPackets += 10
	b.dp.lcores[2].IdleCycles += 50
	b.dp.lcores[2].BusyCycles += 150
	b.dp.lcores[2].Drops[1].Packets += 6
	got := b.must("dpif-netdev/pmd-stats-show", "-pmd", "0")
	for _, want := range []string{
		"  packets received: 10\n", "  packet recirculations: 0\n", "  emc hits: 0\n",
		"  idle cycles: 50 (25.00%)\n  processing cycles: 150 (75.00%)\n", "  avg cycles per packet: 20.00 (200/10)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := b.must("dpif-netdev/pmd-stats-show", "-pmd", "1"); got != core1Stats {
		t.Errorf("core 1 was not cleared and shows\n%s", got)
	}
	b.dp.lcores[2].StageCycles[dp.StageAct] += 15
	b.dp.lcores[2].StagePackets += 10
	if got := b.must("skua/lcores-show", "-pmd", "0"); !strings.HasSuffix(got,
		"receive 0.0, parse 0.0, classify 0.0, act 1.5, send 0.0, of 10 sampled packets\n") {
		t.Errorf("stages since the clear:\n%s", got)
	}
	if got, want := b.must("dpif-netdev/drops-show"), lines(
		"vxlan_unknown_vni               6  VNI that the tunnel port does not terminate",
		"total                           6"); got != want {
		t.Errorf("drops\n%swant\n%s", got, want)
	}
	// coverage/* goes on from the start of the daemon.
	if got := b.must("coverage/read-counter", "drop_vxlan_unknown_vni"); got != "10\n" {
		t.Errorf("coverage counter %q", got)
	}
	b.dp.lcores[2] = dp.LcoreStats{ID: 1, CPU: 0, RxPackets: 2, Turns: 1} // started anew
	if got := b.must("dpif-netdev/pmd-stats-show", "-pmd", "0"); !strings.Contains(got, "packets received: 2\n") {
		t.Errorf("lcore started anew shows\n%s", got)
	}
}

func TestPmdRxqShow(t *testing.T) {
	b := newBench(t)
	b.dp.lcores = figures()
	b.dp.rxqs = map[int][]dp.Rxq{
		0: {{Port: 2, Queue: 0}},
		1: {{Port: 4, Queue: 1}, {Port: 1, Queue: 0}, {Port: 4, Queue: 0}},
		2: {{Port: 1, Queue: 1}},
	}
	core0 := lines(
		"pmd thread numa_id 0 core_id 0:",
		"  isolated : false",
		"  port: v0                queue-id:  0 (enabled)   pmd usage: NOT AVAIL",
		"  port: v1                queue-id:  0 (enabled)   pmd usage: NOT AVAIL",
		"  port: v1                queue-id:  1 (enabled)   pmd usage: NOT AVAIL",
		"  overhead: NOT AVAIL")
	core1 := func(usage string) string {
		return lines(
			"pmd thread numa_id 0 core_id 1:",
			"  isolated : true",
			"  port: v0                queue-id:  1 (enabled)   pmd usage: "+usage,
			"  overhead: NOT AVAIL")
	}
	b.steps([]step{
		{args: args("dpif-netdev/pmd-rxq-show"), out: "Displaying last 60 seconds pmd usage %\n" + core0 + core1("NOT AVAIL")},
		{args: args("dpif-netdev/pmd-rxq-show -secs 7 -pmd 1"), out: "Displaying last 10 seconds pmd usage %\n" + core1("NOT AVAIL")},
		{args: args("dpif-netdev/pmd-rxq-show -pmd 9")},
		{args: args("dpif-netdev/pmd-rxq-show -secs x"), err: "-secs: \"x\" is not a number\n"},
		{args: args("dpif-netdev/pmd-rxq-rebalance"), out: "pmd rxq rebalance requested.\n"},
		{args: args("dpif-netdev/pmd-rxq-rebalance nosuch"), err: "please specify an existing datapath\n"},
	})
	if b.rxqs.calls != 1 {
		t.Errorf("%d rebalances, want 1", b.rxqs.calls)
	}
	b.c.sample()
	b.dp.lcores[1].BusyCycles += 7
	b.dp.lcores[1].IdleCycles += 93
	b.c.sample()
	if got, want := b.must("dpif-netdev/pmd-rxq-show", "-pmd", "1"), "Displaying last 60 seconds pmd usage %\n"+core1(" 7 %"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b.dp.lcores = []dp.LcoreStats{{ID: 0, Housekeeping: true}}
	if got := b.must("dpif-netdev/pmd-rxq-show"); got != "Displaying last 60 seconds pmd usage %\n" {
		t.Errorf("without lcores: %q", got)
	}
}

func TestLcoresShow(t *testing.T) {
	b := newBench(t)
	b.dp.lcores = figures()
	want := lines(
		"loop: model, none, TSC 1000000000 Hz, at most 1048576 flows",
		"pmd thread numa_id 0 core_id 0:",
		"  lcore: 1, receive queues: 0",
		"  turns: 10, sleeps: 0",
		"  packets sent: 5",
		"  avg. packets per receive batch: 2.00",
		"  shortcut pops: 7",
		"  misses: 3, held packets: 2",
		"  busy cycles: 596838, idle cycles: 31563592642, busy cycles per packet: 149209.5",
		"  cycles per packet and stage: receive 10.0, parse 12.5, classify 15.0, act 17.5, send 20.5, of 4 sampled packets")
	if diff := cmp.Diff(want, b.must("skua/lcores-show", "-pmd", "0")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := b.must("skua/lcores-show", "-pmd", "1"); !strings.HasSuffix(got, "cycles per packet and stage: no burst sampled yet\n") {
		t.Errorf("a lcore without samples shows\n%s", got)
	}
	want = lines(
		"flow_drop                       3  the flow's actions drop the packet",
		"vxlan_unknown_vni               4  VNI that the tunnel port does not terminate",
		"tnl_ecn                         0  never",
		"total                           7")
	if diff := cmp.Diff(want, b.must("dpif-netdev/drops-show", "-a")); diff != "" {
		t.Errorf("drops -a (-want +got):\n%s", diff)
	}
	b.must("dpctl/add-flow", tcpKey, "2")
	if got := b.must("skua/masks-show"); got != "mask 0: flows:1 hits:0\n" {
		t.Errorf("masks %q", got)
	}
}
