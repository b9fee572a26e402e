package lab

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/skua/skua/internal/lab/ui"
)

// plan lists the steps of a run in order.
func (l *lab) plan() []step {
	var p []step
	p = append(p, l.setUp()...)
	p = append(p, l.pings()...)
	p = append(p, l.traffic()...)
	p = append(p, l.isolation()...)
	for _, seg := range Segments() {
		p = append(p, step{group: "wire", name: fmt.Sprintf("%s: tshark on what leaves (VNI %d, %s)", seg.Name, seg.VNI, family(seg)),
			limit: 30 * time.Second, run: func(ctx context.Context) (string, error) { return l.wire(ctx, seg) }})
	}
	p = append(p, l.inspection()...)
	return append(p, l.end()...)
}

func family(s Segment) string {
	if s.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

func (l *lab) setUp() []step {
	return []step{
		{group: "set-up", name: "hosts in network namespaces", must: true, run: func(ctx context.Context) (string, error) {
			return fmt.Sprintf("%d namespaces %s%s-*", len(hosts), nsPrefix, l.st.ID), l.sh.each(ctx, l.topo.makeHosts()...)
		}},
		{group: "set-up", name: "links and the kernel's vxlan devices", must: true, run: func(ctx context.Context) (string, error) {
			return "VNI 1111 and 2222 over IPv4, 1111 over IPv6", l.sh.each(ctx, l.topo.makeLinks()...)
		}},
		{group: "set-up", name: "start " + l.opts.Switch, must: true, limit: startWait + 5*time.Second,
			run: func(ctx context.Context) (string, error) {
				v, err := l.sw.start(ctx)
				l.res.Version = v
				return strings.ReplaceAll(v, "\n", "; "), err
			}},
		{group: "set-up", name: "ports, tunnels, bridges", must: true, run: func(ctx context.Context) (string, error) {
			text, err := l.sw.connect(ctx)
			if s := l.isSkua(); s != nil && err == nil {
				l.smp = l.sample(context.WithoutCancel(ctx), s)
			}
			return text, err
		}},
		{group: "set-up", name: "hosts' offloads are on", run: l.offloadsOn},
	}
}

// both calls f for the two directions of a segment.
func both(s Segment, f func(from, to End)) { f(s.A, s.B); f(s.B, s.A) }

func (l *lab) pings() []step {
	var p []step
	for _, seg := range Segments() {
		both(seg, func(from, to End) {
			for _, v6 := range []bool{false, true} {
				p = append(p, step{group: "ping", name: fmt.Sprintf("%s: %s to %s, %s", seg.Name, from.Host, to.Host, family(Segment{IPv6: v6})),
					run: func(ctx context.Context) (string, error) { return l.ping(ctx, seg, from, to, v6, 5, 56) }})
			}
			p = append(p, step{group: "ping", name: fmt.Sprintf("%s: %s to %s, 4000 bytes in fragments", seg.Name, from.Host, to.Host),
				run: func(ctx context.Context) (string, error) { return l.ping(ctx, seg, from, to, false, 3, 4000) }})
		})
	}
	return p
}

func (l *lab) traffic() []step {
	var p []step
	segs := Segments()
	for _, seg := range []Segment{segs[0], segs[2]} {
		for _, udp := range []bool{false, true} {
			both(seg, func(from, to End) {
				proto := "TCP"
				if udp {
					proto = "UDP"
				}
				j := iperfJob{seg: seg, from: from, to: to, udp: udp, port: iperfBasePort, seconds: int(l.opts.Duration.Seconds())}
				p = append(p, step{group: "iperf3", name: fmt.Sprintf("%s over %s: %s, %s to %s", seg.Name, family(seg), proto, from.Host, to.Host),
					run: func(ctx context.Context) (string, error) { return l.stream(ctx, j) }})
			})
		}
	}
	for _, seg := range []Segment{segs[0], segs[2]} {
		p = append(p, step{group: "offload", name: fmt.Sprintf("%s over %s: TCP and UDP, both ways at once", seg.Name, family(seg)),
			run: func(ctx context.Context) (string, error) { return l.unfilledSeen(ctx, seg) }})
	}
	return p
}

func (l *lab) isolation() []step {
	return []step{
		{group: "isolation", name: "red and blue at once: same addresses and ports", run: l.twins},
		{group: "isolation", name: "nothing crosses between segments", run: l.leak},
		{group: "isolation", name: "the leak check can fail", run: l.leakCheckCanFail},
	}
}

// twins runs TCP in red and blue at the same time, both ways, between the very same
// addresses and ports.
func (l *lab) twins(ctx context.Context) (string, error) {
	segs := Segments()
	var jobs []iperfJob
	for i, seg := range segs[:2] {
		both(seg, func(from, to End) {
			jobs = append(jobs, iperfJob{seg: seg, from: from, to: to, port: iperfBasePort, cport: 41000,
				seconds: int(l.opts.Duration.Seconds()), beside: segs[1-i].Name})
		})
	}
	return l.together(ctx, jobs)
}

func (l *lab) inspection() []step {
	only := func(f func(context.Context, *skuaSwitch) (string, error)) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			s := l.isSkua()
			if s == nil {
				return "", skipped("the kernel stands in for Skua")
			}
			return f(ctx, s)
		}
	}
	return []step{
		{group: "switch", name: "VXLAN that must be dropped is, by name", run: only(l.dropsNamed)},
		{group: "switch", name: "datapath flows", run: only(l.flowsShown)},
		{group: "switch", name: "per-lcore figures", run: only(l.lcoresShown)},
	}
}

func (l *lab) end() []step {
	if l.opts.Keep {
		return []step{{group: "end", name: "left running", last: true, run: l.keepOrFinish}}
	}
	return []step{
		{group: "end", name: "the switch ends in order", run: func(ctx context.Context) (string, error) {
			if l.smp != nil {
				l.res.Samples = l.smp.stop()
			}
			if len(l.failed()) > 0 {
				l.keepLog() // the switch's last words, while its folder is there
			}
			return l.sw.stop(ctx)
		}},
		{group: "end", name: "nothing is left behind", last: true, limit: time.Minute, run: l.finish},
	}
}

// keepOrFinish keeps what runs, unless the user interrupted the run or there is
// nothing to keep.
func (l *lab) keepOrFinish(ctx context.Context) (string, error) {
	if l.smp != nil {
		l.res.Samples = l.smp.stop()
	}
	for _, f := range l.failed() {
		if f.Group == "set-up" {
			return l.finish(ctx)
		}
	}
	if l.res.Interrupted != "" {
		return l.finish(ctx)
	}
	return l.keep(ctx)
}

// failed lists the steps that failed so far.
func (l *lab) failed() []ui.Step {
	var out []ui.Step
	for _, s := range l.res.Steps {
		if s.Status == ui.Fail {
			out = append(out, s)
		}
	}
	return out
}
