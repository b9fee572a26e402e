package lab

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// texts are the commands whose output the report shows.
var texts = [][]string{
	{"dpctl/show"}, {"dpif-netdev/pmd-stats-show"}, {"dpif-netdev/pmd-rxq-show"}, {"skua/lcores-show"}, {"tnl/ports/show"},
	{"tnl/neigh/show"}, {"ovs/route/show"}, {"coverage/show"}, {"memory/show"},
}

// flowsShown asks for the datapath's flows while traffic is fresh, and fails unless
// there are some that push and some that pop.
func (l *lab) flowsShown(ctx context.Context, s *skuaSwitch) (string, error) {
	for _, seg := range Segments() {
		if _, err := l.ping(ctx, seg, seg.A, seg.B, false, 3, 56); err != nil {
			return "", err
		}
	}
	out, err := s.call(ctx, "dpctl/dump-flows")
	if err != nil {
		return "", err
	}
	fig := l.figures()
	fig.FlowText = nil
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "actions:") {
			fig.FlowText = append(fig.FlowText, line)
		}
	}
	fig.Flows = len(fig.FlowText)
	push, pop, inner := 0, 0, 0
	for _, f := range fig.FlowText {
		match, act, _ := strings.Cut(f, "actions:")
		if strings.Contains(act, "tnl_push(") {
			push++
		}
		if strings.Contains(act, "tnl_pop(") {
			pop++
		}
		if strings.Contains(match, "tunnel(") {
			inner++
		}
	}
	text := fmt.Sprintf("%d flows: %d push, %d pop, %d behind a tunnel", fig.Flows, push, pop, inner)
	if push == 0 || pop == 0 || inner == 0 {
		return "", fmt.Errorf("%s: each should be there", text)
	}
	return text, nil
}

// lcoresShown asks for per-lcore figures, and fails unless the pinned lcore is the
// one that worked.
func (l *lab) lcoresShown(ctx context.Context, s *skuaSwitch) (string, error) {
	fig := l.figures()
	for _, c := range texts {
		out, err := s.call(ctx, c...)
		if err != nil {
			return "", err
		}
		name := strings.Join(c, " ")
		fig.Texts[name] = strings.TrimRight(out, "\n")
		fig.TextOrder = append(fig.TextOrder, name)
	}
	fig.Lcores = parseLcores(fig.Texts["dpif-netdev/pmd-stats-show"])
	for _, c := range fig.Lcores {
		if c.CPU != l.opts.CPU {
			continue
		}
		if c.Packets == 0 {
			return "", fmt.Errorf("the lcore on CPU %d received no packet", c.CPU)
		}
		share := func(n uint64) float64 {
			return 100 * float64(n) / float64(max(1, c.EMC+c.SMC+c.Megaflow+c.Missed+c.Lost))
		}
		return fmt.Sprintf("CPU %d: %d packets, %.0f cycles per packet; hits %.1f%% exact, %.1f%% masked, %.2f%% missed",
			c.CPU, c.Packets, c.CyclesPerPkt, share(c.EMC+c.SMC), share(c.Megaflow), share(c.Missed+c.Lost)), nil
	}
	return "", fmt.Errorf("pmd-stats-show has no lcore on CPU %d:\n%s", l.opts.CPU, fig.Texts["dpif-netdev/pmd-stats-show"])
}

// badVXLAN are packets that must be dropped, each under its name.
var badVXLAN = []struct {
	drop     string
	flags    byte
	reserved [3]byte
	vni      uint32
}{
	{"vxlan_unknown_vni", 0x08, [3]byte{}, 3333},
	{"vxlan_no_vni_flag", 0x00, [3]byte{}, 1111},
	{"vxlan_reserved", 0x08, [3]byte{0, 0, 1}, 1111},
}

// badEach is how many of each are sent.
const badEach = 5

// dropsNamed has b send VXLAN packets that RFC 7348 forbids or that nobody asked
// for, and fails unless the switch counts each under its own name and none arrives.
func (l *lab) dropsNamed(ctx context.Context, s *skuaSwitch) (string, error) {
	before, err := s.call(ctx, "coverage/show")
	if err != nil {
		return "", err
	}
	seg := Segments()[0]
	frames, err := probes(l.st.ID, "bad", seg.B, seg.A)
	if err != nil {
		return "", err
	}
	c, err := openCapture(l.topo.ns(seg.A.Host), seg.A.Dev, func(f *frame) bool { return !f.Outgoing })
	if err != nil {
		return "", err
	}
	defer c.file.Close()
	var payloads [][]byte
	for _, b := range badVXLAN {
		for range badEach {
			payloads = append(payloads, vxlanFrame(b.flags, b.reserved, b.vni, 0, frames[1]))
		}
	}
	if err := l.sendUDP(hostB, remote4, local4, vxlanPort, payloads); err != nil {
		return "", err
	}
	var after string
	l.settle(ctx, func() bool { // the counters may come a moment later than the packets
		after, err = s.call(ctx, "coverage/show")
		return err != nil || len(dropsMissing(before, after)) == 0
	})
	if err != nil {
		return "", err
	}
	got, err := c.stop()
	if err != nil {
		return "", err
	}
	if seen := kindsSeen(got, l.st.ID, "bad"); len(seen) > 0 {
		return "", fmt.Errorf("a packet that must be dropped arrived at %s", seg.A.Host)
	}
	if after, err = s.call(ctx, "coverage/show"); err != nil {
		return "", err
	}
	l.figures().Drops = dropCounters(parseCoverage(after))
	if m := dropsMissing(before, after); len(m) > 0 {
		return "", fmt.Errorf("in coverage/show %s", strings.Join(m, ", "))
	}
	var said []string
	for _, b := range badVXLAN {
		said = append(said, fmt.Sprintf("%s +%d", b.drop, badEach))
	}
	return strings.Join(said, ", "), nil
}

// dropsMissing names the reasons that did not rise by what was sent between two
// outputs of coverage/show.
func dropsMissing(before, after string) []string {
	var out []string
	was, is := parseCoverage(before), parseCoverage(after)
	for _, b := range badVXLAN {
		if n := countOf(is, b.drop) - countOf(was, b.drop); n != badEach {
			out = append(out, fmt.Sprintf("%s rose by %d, not %d", b.drop, n, badEach))
		}
	}
	return out
}

// countOf returns the counter of a drop reason, with or without a prefix before it.
func countOf(cs []Counter, reason string) uint64 {
	for _, c := range cs {
		if c.Name == reason || strings.HasSuffix(c.Name, "_"+reason) {
			return c.Count
		}
	}
	return 0
}

// dropCounters are those whose name says drop, or that are a reason of the lab's.
func dropCounters(cs []Counter) []Counter {
	var out []Counter
	for _, c := range cs {
		known := strings.Contains(c.Name, "drop")
		for _, b := range badVXLAN {
			known = known || c.Name == b.drop
		}
		if known && c.Count > 0 {
			out = append(out, c)
		}
	}
	return out
}

// sendUDP sends payloads as datagrams from a host's own stack.
func (l *lab) sendUDP(host, from, to string, port int, payloads [][]byte) error {
	return within(l.topo.ns(host), func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("udp socket: %w", err)
		}
		defer unix.Close(fd)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: addr4(from)}); err != nil {
			return fmt.Errorf("udp socket at %s: %w", net.JoinHostPort(from, "0"), err)
		}
		for _, p := range payloads {
			if err := unix.Sendto(fd, p, 0, &unix.SockaddrInet4{Port: port, Addr: addr4(to)}); err != nil {
				return fmt.Errorf("udp to %s: %w", to, err)
			}
		}
		return nil
	})
}

// sampler reads pmd-stats-show once a second.
type sampler struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	out    []Sample
}

func (l *lab) sample(ctx context.Context, s *skuaSwitch) *sampler {
	ctx, cancel := context.WithCancel(ctx)
	p := &sampler{cancel: cancel}
	p.wg.Go(func() {
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			out, err := l.sh.quiet(ctx, s.appctl("dpif-netdev/pmd-stats-show")...)
			if err != nil {
				continue // the step that stops on it says why
			}
			at := Sample{Seconds: time.Since(l.st.Started).Seconds()}
			for _, c := range parseLcores(out) {
				at.Packets = append(at.Packets, c.Packets)
				at.Busy, at.Idle = append(at.Busy, c.Busy), append(at.Idle, c.Idle)
			}
			p.out = append(p.out, at)
		}
	})
	return p
}

// stop ends the sampling and returns what it saw.
func (p *sampler) stop() []Sample {
	p.cancel()
	p.wg.Wait()
	return p.out
}
