package peers

import (
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/skua/skua/internal/bench"
)

// pmdStats is what Open vSwitch 3.1 answers to dpif-netdev/pmd-stats-show.
const pmdStats = `pmd thread numa_id 0 core_id 1:
  packets received: 10275040
  packet recirculations: 7
  avg. datapath passes per packet: 1.00
  phwol hits: 0
  mfex opt hits: 0
  simple match hits: 0
  emc hits: 7441504
  smc hits: 0
  megaflow hits: 2833504
  avg. subtable lookups per megaflow hit: 1.00
  miss with success upcall: 0
  miss with failed upcall: 0
  avg. packets per output batch: 32.00
  idle cycles: 0 (0.00%)
  processing cycles: 2614474220 (100.00%)
  avg cycles per packet: 264.45 (2614474220/10275040)
  avg processing cycles per packet: 254.45 (2614474220/10275040)
pmd thread numa_id 0 core_id 11:
  packets received: 99
  avg processing cycles per packet: 99.00 (99/1)
main thread:
  packets received: 3
  emc hits: 3
`

func TestAddPMDStats(t *testing.T) {
	var s bench.Sample
	addPMDStats(&s, pmdStats, 1)
	want := map[string]float64{
		"packets_received": 10275040, "packet_recirculations": 7, "simple_match_hits": 0, "emc_hits": 7441504, "smc_hits": 0,
		"megaflow_hits": 2833504, "miss_with_success_upcall": 0, "miss_with_failed_upcall": 0,
	}
	if d := cmp.Diff(want, s.Figures); d != "" {
		t.Errorf("figures: %s", d)
	}
	if s.OwnCycles != 254.45 {
		t.Errorf("processing cycles per packet %v, not 254.45", s.OwnCycles)
	}
}

func TestSentReadsTheOutputPort(t *testing.T) {
	const show = `netdev@ovs-netdev:
  lookups: hit:1 missed:0 lost:0
  port 2: in0 (dpdk: configured_rx_queues=1, mtu=1500)
    RX packets:93463680 errors:0 dropped:0 overruns:? frame:?
    TX packets:5 errors:0 dropped:0 aborted:? carrier:?
  port 3: out0 (dpdk: configured_rx_queues=1, mtu=1500)
    RX packets:0 errors:0 dropped:0 overruns:? frame:?
    TX packets:93404352 errors:0 dropped:0 aborted:? carrier:?
`
	r := &ovsRun{ctl: answering(t, show)}
	n, _, err := r.sent()
	if err != nil || n != 93404352 {
		t.Errorf("sent() = %d, %v", n, err)
	}
	r.ctl = answering(t, "netdev@ovs-netdev:\n")
	if _, _, err := r.sent(); err == nil || !strings.Contains(err.Error(), "out0") {
		t.Errorf("without the port: %v", err)
	}
}

// answering serves one result on a control socket and returns the socket.
func answering(t *testing.T, result string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ctl")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var req struct {
			Method string   `json:"method"`
			Params []string `json:"params"`
			ID     int      `json:"id"`
		}
		if json.NewDecoder(conn).Decode(&req) != nil {
			return
		}
		reply := map[string]any{"id": req.ID, "result": result, "error": nil}
		if req.Method == "refuse" {
			reply = map[string]any{"id": req.ID, "result": nil, "error": "no such command"}
		}
		_ = json.NewEncoder(conn).Encode(reply) // the caller sees what is missing
	}()
	return path
}

func TestUnixctlRefusal(t *testing.T) {
	_, err := unixctlCall(answering(t, ""), time.Second, "refuse", "a")
	if err == nil || !strings.Contains(err.Error(), "no such command") {
		t.Errorf("a refused command: %v", err)
	}
	if _, err := unixctlCall(filepath.Join(t.TempDir(), "none"), time.Second, "x"); err == nil {
		t.Error("a call on a socket that does not exist succeeded")
	}
}

func TestTestpmdExpressions(t *testing.T) {
	const text = "  TX-packets: 147254848  TX-errors: 0          TX-bytes:  0\n"
	if m := testpmdTx.FindStringSubmatch(text); m == nil || m[1] != "147254848" {
		t.Errorf("%q in %q", m, text)
	}
	if testpmdTx.MatchString("  TX-packets: 1472") {
		t.Error("half a line has a whole number")
	}
	const own = "  CPU cycles/packet=33.41 (total cycles=4920383382 / total io packets=147259264) at 2600 MHz Clock\n"
	if m := testpmdOwn.FindStringSubmatch(own); m == nil || m[1] != "33.41" {
		t.Errorf("%q in %q", m, own)
	}
}

func TestMbufs(t *testing.T) {
	for flows, want := range map[int]int{64: 65536, 49152: 65536, 49153: 131072, 100_000: 131072} {
		if got := Mbufs(flows); got != want {
			t.Errorf("Mbufs(%d) = %d, not %d", flows, got, want)
		}
	}
}
