//go:build linux && cgo

package cgo

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/skua/skua/internal/dp"
)

// EAL starts once per process, so the package's tests share one, and one datapath;
// each test makes ports of its own and removes them.
var (
	path    *Datapath
	ealLogs *observer.ObservedLogs
)

// childEnv makes the test program do something else in a process of its own.
const childEnv = "SKUA_CGO_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		os.Exit(child(what))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	core, logs := observer.New(zapcore.DebugLevel)
	ealLogs = logs
	eal, err := StartEAL(EALConfig{MemMB: 512, FilePrefix: "skua-cgo-test-" + strconv.Itoa(os.Getpid()), Log: zap.New(core)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if path, err = Open(eal, Config{MaxFlows: 1 << 18, Mbufs: 8192, EMCEntries: 4096, Socket: -1, UpcallTimeout: time.Minute}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if _, err = path.LcoreStart(lastCPU(), false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	used := path.Memory().MbufsInUse
	leaked, err := path.Close()
	if err != nil || leaked != 0 {
		fmt.Fprintf(os.Stderr, "FAIL: close: %d packet buffers not given back (%d in use before), error %v\n", leaked, used, err)
		code = 1
	}
	if err := eal.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: stop EAL:", err)
		code = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		code = 1
	}
	return code
}

// lastCPU is the highest CPU that this process may use.
func lastCPU() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return 0
	}
	for cpu := 1023; cpu >= 0; cpu-- {
		if set.IsSet(cpu) {
			return cpu
		}
	}
	return 0
}

// lcore is the id of the lcore that TestMain started.
func lcore(t testing.TB) int {
	t.Helper()
	l := path.Lcores()
	if len(l) == 0 {
		t.Fatal("no lcore runs")
	}
	return l[0].ID
}

// rings adds n ring ports, lets the lcore poll them, and takes them away at the end.
func rings(t testing.TB, n int) []dp.PortNo {
	t.Helper()
	before := path.LcoreRxqs(lcore(t))
	var out []dp.PortNo
	rxqs := before
	for i := range n {
		name := fmt.Sprintf("r%d-%s", i, strings.ReplaceAll(t.Name(), "/", "-"))
		no, err := path.PortAdd(dp.PortSpec{Kind: dp.PortRing, Name: name[:min(len(name), 40)], No: dp.NoPort})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := path.PortDel(no); err != nil {
				t.Error(err)
			}
		})
		out = append(out, no)
		rxqs = append(rxqs, dp.Rxq{Port: no})
	}
	if err := path.SetLcoreRxqs(lcore(t), rxqs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := path.FlowFlush(); err != nil {
			t.Error(err)
		}
	})
	return out
}

// frame is an IPv4 UDP packet; seq stands in its payload.
func frame(t testing.TB, srcPort uint16, seq int) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2}}
	udp := &layers.UDP{SrcPort: layers.UDPPort(srcPort), DstPort: 7}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4},
		ip, udp, gopacket.Payload(fmt.Sprintf("packet number %08d of the test", seq)))
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func frames(t testing.TB, srcPort uint16, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = frame(t, srcPort, i)
	}
	return out
}

func inject(t testing.TB, port dp.PortNo, frames [][]byte) {
	t.Helper()
	n, err := path.RingInject(port, frames)
	if err != nil || n != len(frames) {
		t.Fatalf("port %d took %d of %d frames: %v", port, n, len(frames), err)
	}
}

// collect waits for n frames on a port and for no more.
func collect(t testing.TB, port dp.PortNo, n int) [][]byte {
	t.Helper()
	var got [][]byte
	for end := time.Now().Add(10 * time.Second); len(got) < n && time.Now().Before(end); {
		more, err := path.RingCollect(port, n-len(got)+1)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, more...)
		time.Sleep(time.Millisecond)
	}
	if len(got) != n {
		t.Fatalf("port %d: %d frames, expected %d; drops: %v", port, len(got), n, dropped())
	}
	return got
}

func expectFrames(t testing.TB, got, want [][]byte) {
	t.Helper()
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("frame %d:\n got %x\nwant %x", i, got[i], want[i])
		}
	}
}

// dropped lists the drop reasons that have counted.
func dropped() (out []string) {
	for _, l := range path.Lcores() {
		for _, d := range l.Drops {
			if d.Packets > 0 {
				out = append(out, fmt.Sprintf("%s=%d", d.Name, d.Packets))
			}
		}
	}
	return out
}

// portFlow matches everything of a port that comes from UDP port srcPort; 0: any.
func portFlow(in dp.PortNo, srcPort uint16, actions ...dp.Action) dp.Flow {
	var f dp.Flow
	f.Key.InPort, f.Mask.InPort = in, 0xffff
	f.Mask.RecircID = 0xffffffff
	if srcPort != 0 {
		f.Key.EthType, f.Mask.EthType = dp.ToBE16(0x0800), dp.BE16{0xff, 0xff}
		f.Key.IPProto, f.Mask.IPProto = 17, 0xff
		f.Key.TPSrc, f.Mask.TPSrc = dp.ToBE16(srcPort), dp.BE16{0xff, 0xff}
	}
	f.Actions = actions
	return f
}

func put(t testing.TB, f dp.Flow, mode dp.PutMode) error {
	t.Helper()
	return path.FlowPut([]dp.FlowPut{{Flow: f, Mode: mode}})[0]
}

func mustPut(t testing.TB, f dp.Flow) dp.UFID {
	t.Helper()
	if err := put(t, f, dp.PutCreate); err != nil {
		t.Fatal(err)
	}
	return path.MakeUFID(&f.Key, &f.Mask)
}
