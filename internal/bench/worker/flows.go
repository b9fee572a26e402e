package worker

import (
	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/traffic"
	"github.com/skua/skua/internal/dp"
)

// The megaflows are those that Open vSwitch 3.1 installs for the same traffic
// (dpctl/dump-flows shows them): a learning switch looks at both Ethernet
// addresses, a push also at the ECN bits, the outer flow of a pop at the endpoint.

var ethIPv4 = dp.BE16{0x08, 0x00}

const fragBits = dp.FragAny | dp.FragLater

// fragment of a megaflow: a key with a mask, filled field by field.
type match struct {
	key  dp.Key
	mask dp.Mask
}

// ipv4 matches the port, both addresses, IPv4 and "not a fragment".
func ipv4(in dp.PortNo, src, dst dp.MAC) *match {
	m := &match{}
	m.mask.RecircID = ^uint32(0)
	m.key.InPort, m.mask.InPort = in, ^dp.PortNo(0)
	m.key.EthSrc, m.mask.EthSrc = src, allMAC
	m.key.EthDst, m.mask.EthDst = dst, allMAC
	m.key.EthType, m.mask.EthType = ethIPv4, all16
	m.mask.IPFrag = fragBits
	return m
}

var (
	allMAC = dp.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	all16  = dp.BE16{0xff, 0xff}
	all32  = dp.BE32{0xff, 0xff, 0xff, 0xff}
	all64  = dp.BE64{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	allIP6 = dp.IP6{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// tuple also matches a flow's 5-tuple.
func (m *match) tuple(f traffic.Flow) *match {
	m.key.IPSrc, m.mask.IPSrc = f.Src, all32
	m.key.IPDst, m.mask.IPDst = f.Dst, all32
	m.key.IPProto, m.mask.IPProto = f.Proto, 0xff
	m.key.TPSrc, m.mask.TPSrc = dp.ToBE16(f.SPort), all16
	m.key.TPDst, m.mask.TPDst = dp.ToBE16(f.DPort), all16
	return m
}

// tunnel also matches the endpoints and the VNI that a packet came out of:
// tunnel(tun_id=...,src=...,dst=...,flags(-df-csum+key)).
func (m *match) tunnel(vni uint32) *match {
	m.key.Tun.Src, m.mask.Tun.Src = mapped(traffic.RemoteIP), allIP6
	m.key.Tun.Dst, m.mask.Tun.Dst = mapped(traffic.LocalIP), allIP6
	m.key.Tun.TunID, m.mask.Tun.TunID = dp.ToBE64(uint64(vni)), all64
	m.key.Tun.Flags, m.mask.Tun.Flags = dp.TunKey, dp.TunDF|dp.TunCsum|dp.TunKey
	return m
}

// put returns the put of a new flow.
func (m *match) put(actions ...dp.Action) dp.FlowPut {
	m.key.SetLines()
	(*dp.Key)(&m.mask).SetLines()
	return dp.FlowPut{Flow: dp.Flow{Key: m.key, Mask: m.mask, Actions: actions}, Mode: dp.PutCreate}
}

func mapped(a dp.BE32) dp.IP6 {
	return dp.IP6{10: 0xff, 11: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}
}

// megaflows returns the flows that a case needs: one per VNI, or with Exact one
// per flow of the traffic.
func (w *worker) megaflows() ([]dp.FlowPut, error) {
	plan, n := w.spec.Plan, w.spec.Plan.VNIs
	if w.spec.Exact {
		n = w.spec.Case.Flows
	}
	var puts []dp.FlowPut
	if w.spec.Case.Job == bench.Pop {
		puts = append(puts, w.outerFlow())
	}
	for i := range n {
		f := plan.Flow(i)
		in := w.in
		if w.spec.Case.Job == bench.Pop {
			in = w.tun
		}
		m := ipv4(in, f.EthSrc, f.EthDst)
		if w.spec.Exact {
			m.tuple(f)
		}
		actions := dp.Actions{dp.Output{Port: w.out}}
		switch w.spec.Case.Job {
		case bench.Push:
			m.mask.IPTOS = 0x3 // ECN is copied to the outer header
			header, err := traffic.PushHeader(f.VNI)
			if err != nil {
				return nil, err
			}
			push := dp.TnlPush{TnlPort: w.tun, OutPort: w.out, Type: dp.TnlVXLAN, Header: header}
			actions = dp.Actions{push, dp.Output{Port: w.out}}
		case bench.Pop:
			m.tunnel(f.VNI)
		}
		puts = append(puts, m.put(actions...))
	}
	return puts, nil
}

// outerFlow takes VXLAN packets to the local endpoint out of their tunnel.
func (w *worker) outerFlow() dp.FlowPut {
	m := ipv4(w.in, traffic.RemoteMAC, traffic.LocalMAC)
	m.key.IPDst, m.mask.IPDst = traffic.LocalIP, all32
	m.key.IPProto, m.mask.IPProto = 17, 0xff
	m.key.TPDst, m.mask.TPDst = dp.ToBE16(traffic.VXLANPort), all16
	return m.put(dp.TnlPop{Port: w.tun})
}
