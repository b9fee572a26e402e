package peers

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/proc"
)

// Testpmd is DPDK's testpmd in io mode: packets go from device to device and
// nobody looks at them. It shows what the devices alone cost.
type Testpmd struct{}

// Name implements [bench.Subject].
func (Testpmd) Name() string { return bench.TestpmdName }

// Version implements [bench.Subject].
func (Testpmd) Version() (string, error) {
	path, err := exec.LookPath("dpdk-testpmd")
	if err != nil {
		return "", missing("dpdk-testpmd on PATH", "Debian's package dpdk-dev has it")
	}
	out, err := exec.Command(path, "-v", "--help").CombinedOutput()
	if m := testpmdVersion.FindSubmatch(out); m != nil {
		return string(m[1]), nil
	}
	return "", fmt.Errorf("dpdk-testpmd -v names no version: %w: %s", err, firstLine(string(out)))
}

const (
	testpmdStart = 30 * time.Second
	testpmdReply = 5 * time.Second
	testpmdOut   = 1 // DPDK's number of the port that packets leave through
)

var (
	testpmdVersion = regexp.MustCompile(`RTE Version: '(.*)'`)

	testpmdTx  = regexp.MustCompile(`TX-packets: (\d+) `)
	testpmdOwn = regexp.MustCompile(`CPU cycles/packet=([0-9.]+)`)
)

// Measure implements [bench.Subject]. OwnCycles is testpmd's record-core-cycles
// figure: cycles of turns that received packets, warm-up included.
func (Testpmd) Measure(ctx context.Context, s *bench.Setup, c bench.Case, pcap string) (bench.Sample, error) {
	p, err := proc.Start(testpmdCommand(s, c, pcap))
	if err != nil {
		return bench.Sample{}, err
	}
	defer p.Stop()
	prompt := func(out string) bool { return strings.Contains(out, "testpmd> ") }
	if _, err := p.WaitFor(ctx, 0, testpmdStart, "prompt", prompt); err != nil {
		return bench.Sample{}, err
	}
	if err := p.Write("set record-core-cycles on\nstart\n"); err != nil {
		return bench.Sample{}, err
	}
	if err := sleep(ctx, s.Warmup); err != nil {
		return bench.Sample{}, err
	}
	before, err := testpmdReading(ctx, p, s.Core)
	if err != nil {
		return bench.Sample{}, err
	}
	if err := sleep(ctx, s.Window); err != nil {
		return bench.Sample{}, err
	}
	after, err := testpmdReading(ctx, p, s.Core)
	if err != nil {
		return bench.Sample{}, err
	}
	sample, err := bench.NewSample(before, after, s.TSCHz)
	if err != nil {
		return bench.Sample{}, fmt.Errorf("testpmd: %w", err)
	}
	at := len(p.Output())
	if err := p.Write("stop\n"); err != nil {
		return bench.Sample{}, err
	}
	out, err := p.WaitFor(ctx, at, testpmdReply, "cycles per packet", func(out string) bool {
		return strings.Contains(out, "MHz Clock")
	})
	if err != nil {
		return bench.Sample{}, err
	}
	if m := testpmdOwn.FindStringSubmatch(out); m != nil {
		sample.OwnCycles, _ = strconv.ParseFloat(m[1], 64) // digits and dots by the expression
	}
	return sample, nil
}

func testpmdCommand(s *bench.Setup, c bench.Case, pcap string) proc.Command {
	mbufs := Mbufs(c.Flows)
	// Through a pipe testpmd would keep what it prints; stdbuf makes it print by the line.
	args := []string{"stdbuf", "-oL", "dpdk-testpmd"}
	args = append(args, ealMemory(s, "testpmd", memoryMB(mbufs, 0))...)
	args = append(args,
		"--lcores", fmt.Sprintf("0@%d,1@%d", s.Others[0], s.Core),
		"--vdev", pcapDevice(0, pcap), "--vdev", nullDevice(0),
		"--", "-i", "--nb-cores=1", "--forward-mode=io", "--no-flush-rx",
		fmt.Sprintf("--total-num-mbufs=%d", mbufs))
	return proc.Command{Cores: s.Others, Args: args, Eager: true}
}

// testpmdReading reads how many packets left; the moment is the middle between
// asking and being told, which are a fraction of a millisecond apart.
func testpmdReading(ctx context.Context, p *proc.Proc, core int) (bench.Reading, error) {
	from, asked := len(p.Output()), time.Now()
	if err := p.Write(fmt.Sprintf("show port stats %d\n", testpmdOut)); err != nil {
		return bench.Reading{}, err
	}
	out, err := p.WaitFor(ctx, from, testpmdReply, "port statistics", testpmdTx.MatchString)
	told := time.Now()
	if err != nil {
		return bench.Reading{}, err
	}
	n, err := strconv.ParseUint(testpmdTx.FindStringSubmatch(out)[1], 10, 64)
	if err != nil {
		return bench.Reading{}, fmt.Errorf("testpmd's count of packets: %w", err)
	}
	ran, err := proc.CoreTime(p.Pid(), core)
	return bench.Reading{At: asked.Add(told.Sub(asked) / 2), Sent: n, Ran: ran}, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
