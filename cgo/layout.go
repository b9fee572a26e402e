//go:build linux && cgo

package cgo

/*
#include "fp.h"
*/
import "C"

import (
	"unsafe"

	"github.com/skua/skua/internal/dp"
)

// place is a field in Go's and in C's layout of the same thing.
type place struct {
	name            string
	goOfs, cOfs     uintptr
	goSize, cSize   uintptr
	goConst, cConst uint64
	isConst         bool
}

func field[G, C any](name string, g uintptr, gf G, c uintptr, cf C) place {
	return place{name: name, goOfs: g, cOfs: c, goSize: unsafe.Sizeof(gf), cSize: unsafe.Sizeof(cf)}
}

func constant(name string, g, c uint64) place {
	return place{name: name, goConst: g, cConst: c, isConst: true}
}

// keyLayout lists every field of a key in both layouts. It stands here and not in the
// test because go allows import "C" in no test file.
func keyLayout() []place {
	var g dp.Key
	var c C.struct_fp_key
	var out []place
	out = append(out, baseLayout(&g.KeyBase, &c.base)...)
	out = append(out, ip6Layout(&g.IP6, &c.ip6)...)
	out = append(out, tunLayout(&g.Tun, &c.tun)...)
	out = append(out, miscLayout(&g.Misc, &c.misc)...)
	out = append(out, ctLayout(&g.CT, &c.ct)...)
	return append(out,
		field("key.base", unsafe.Offsetof(g.KeyBase), g.KeyBase, unsafe.Offsetof(c.base), c.base),
		field("key.ip6", unsafe.Offsetof(g.IP6), g.IP6, unsafe.Offsetof(c.ip6), c.ip6),
		field("key.tun", unsafe.Offsetof(g.Tun), g.Tun, unsafe.Offsetof(c.tun), c.tun),
		field("key.misc", unsafe.Offsetof(g.Misc), g.Misc, unsafe.Offsetof(c.misc), c.misc),
		field("key.ct", unsafe.Offsetof(g.CT), g.CT, unsafe.Offsetof(c.ct), c.ct),
		field("key", 0, g, 0, c),
		field("mask", 0, dp.Mask{}, 0, c),
		constant("KeySize", dp.KeySize, C.FP_KEY_SIZE),
	)
}

func baseLayout(g *dp.KeyBase, c *C.struct_fp_key_base) []place {
	return []place{
		field("recirc_id", unsafe.Offsetof(g.RecircID), g.RecircID, unsafe.Offsetof(c.recirc_id), c.recirc_id),
		field("in_port", unsafe.Offsetof(g.InPort), g.InPort, unsafe.Offsetof(c.in_port), c.in_port),
		field("lines", unsafe.Offsetof(g.Lines), g.Lines, unsafe.Offsetof(c.lines), c.lines),
		field("eth_dst", unsafe.Offsetof(g.EthDst), g.EthDst, unsafe.Offsetof(c.eth_dst), c.eth_dst),
		field("eth_src", unsafe.Offsetof(g.EthSrc), g.EthSrc, unsafe.Offsetof(c.eth_src), c.eth_src),
		field("be_eth_type", unsafe.Offsetof(g.EthType), g.EthType, unsafe.Offsetof(c.be_eth_type), c.be_eth_type),
		field("be_vlan_tci", unsafe.Offsetof(g.VLANTCI), g.VLANTCI, unsafe.Offsetof(c.be_vlan_tci), c.be_vlan_tci),
		field("be_ip_src", unsafe.Offsetof(g.IPSrc), g.IPSrc, unsafe.Offsetof(c.be_ip_src), c.be_ip_src),
		field("be_ip_dst", unsafe.Offsetof(g.IPDst), g.IPDst, unsafe.Offsetof(c.be_ip_dst), c.be_ip_dst),
		field("ip_proto", unsafe.Offsetof(g.IPProto), g.IPProto, unsafe.Offsetof(c.ip_proto), c.ip_proto),
		field("ip_tos", unsafe.Offsetof(g.IPTOS), g.IPTOS, unsafe.Offsetof(c.ip_tos), c.ip_tos),
		field("ip_ttl", unsafe.Offsetof(g.IPTTL), g.IPTTL, unsafe.Offsetof(c.ip_ttl), c.ip_ttl),
		field("ip_frag", unsafe.Offsetof(g.IPFrag), g.IPFrag, unsafe.Offsetof(c.ip_frag), c.ip_frag),
		field("be_tp_src", unsafe.Offsetof(g.TPSrc), g.TPSrc, unsafe.Offsetof(c.be_tp_src), c.be_tp_src),
		field("be_tp_dst", unsafe.Offsetof(g.TPDst), g.TPDst, unsafe.Offsetof(c.be_tp_dst), c.be_tp_dst),
		field("be_tcp_flags", unsafe.Offsetof(g.TCPFlags), g.TCPFlags, unsafe.Offsetof(c.be_tcp_flags), c.be_tcp_flags),
		field("be_vlan_tpid", unsafe.Offsetof(g.VLANTPID), g.VLANTPID, unsafe.Offsetof(c.be_vlan_tpid), c.be_vlan_tpid),
		field("pkt_mark", unsafe.Offsetof(g.PktMark), g.PktMark, unsafe.Offsetof(c.pkt_mark), c.pkt_mark),
	}
}

func ip6Layout(g *dp.KeyIP6, c *C.struct_fp_key_ip6) []place {
	return []place{
		field("ip6.src", unsafe.Offsetof(g.Src), g.Src, unsafe.Offsetof(c.src), c.src),
		field("ip6.dst", unsafe.Offsetof(g.Dst), g.Dst, unsafe.Offsetof(c.dst), c.dst),
		field("ip6.be_label", unsafe.Offsetof(g.Label), g.Label, unsafe.Offsetof(c.be_label), c.be_label),
		field("ip6.nd_target", unsafe.Offsetof(g.NDTarget), g.NDTarget, unsafe.Offsetof(c.nd_target), c.nd_target),
		field("ip6.nd_sll", unsafe.Offsetof(g.NDSLL), g.NDSLL, unsafe.Offsetof(c.nd_sll), c.nd_sll),
		field("ip6.nd_tll", unsafe.Offsetof(g.NDTLL), g.NDTLL, unsafe.Offsetof(c.nd_tll), c.nd_tll),
	}
}

func tunLayout(g *dp.KeyTun, c *C.struct_fp_key_tun) []place {
	return []place{
		field("tun.src", unsafe.Offsetof(g.Src), g.Src, unsafe.Offsetof(c.src), c.src),
		field("tun.dst", unsafe.Offsetof(g.Dst), g.Dst, unsafe.Offsetof(c.dst), c.dst),
		field("tun.be_tun_id", unsafe.Offsetof(g.TunID), g.TunID, unsafe.Offsetof(c.be_tun_id), c.be_tun_id),
		field("tun.flags", unsafe.Offsetof(g.Flags), g.Flags, unsafe.Offsetof(c.flags), c.flags),
		field("tun.tos", unsafe.Offsetof(g.TOS), g.TOS, unsafe.Offsetof(c.tos), c.tos),
		field("tun.ttl", unsafe.Offsetof(g.TTL), g.TTL, unsafe.Offsetof(c.ttl), c.ttl),
		field("tun.be_tp_src", unsafe.Offsetof(g.TPSrc), g.TPSrc, unsafe.Offsetof(c.be_tp_src), c.be_tp_src),
		field("tun.be_tp_dst", unsafe.Offsetof(g.TPDst), g.TPDst, unsafe.Offsetof(c.be_tp_dst), c.be_tp_dst),
		field("tun.be_gbp_id", unsafe.Offsetof(g.GBPID), g.GBPID, unsafe.Offsetof(c.be_gbp_id), c.be_gbp_id),
		field("tun.gbp_flags", unsafe.Offsetof(g.GBPFlags), g.GBPFlags, unsafe.Offsetof(c.gbp_flags), c.gbp_flags),
		field("tun.gpe_flags", unsafe.Offsetof(g.GPEFlags), g.GPEFlags, unsafe.Offsetof(c.gpe_flags), c.gpe_flags),
		field("tun.gpe_np", unsafe.Offsetof(g.GPENP), g.GPENP, unsafe.Offsetof(c.gpe_np), c.gpe_np),
	}
}

func miscLayout(g *dp.KeyMisc, c *C.struct_fp_key_misc) []place {
	return []place{
		field("misc.arp_sha", unsafe.Offsetof(g.ARPSHA), g.ARPSHA, unsafe.Offsetof(c.arp_sha), c.arp_sha),
		field("misc.arp_tha", unsafe.Offsetof(g.ARPTHA), g.ARPTHA, unsafe.Offsetof(c.arp_tha), c.arp_tha),
		field("misc.be_cvlan_tpid", unsafe.Offsetof(g.CVLANTPID), g.CVLANTPID, unsafe.Offsetof(c.be_cvlan_tpid), c.be_cvlan_tpid),
		field("misc.be_cvlan_tci", unsafe.Offsetof(g.CVLANTCI), g.CVLANTCI, unsafe.Offsetof(c.be_cvlan_tci), c.be_cvlan_tci),
		field("misc.be_mpls", unsafe.Offsetof(g.MPLS), g.MPLS, unsafe.Offsetof(c.be_mpls), c.be_mpls),
		field("misc.skb_priority", unsafe.Offsetof(g.SkbPriority), g.SkbPriority, unsafe.Offsetof(c.skb_priority), c.skb_priority),
		field("misc.dp_hash", unsafe.Offsetof(g.DPHash), g.DPHash, unsafe.Offsetof(c.dp_hash), c.dp_hash),
		field("misc.be_packet_type", unsafe.Offsetof(g.PacketType), g.PacketType, unsafe.Offsetof(c.be_packet_type), c.be_packet_type),
		field("misc.be_nd_reserved", unsafe.Offsetof(g.NDReserved), g.NDReserved, unsafe.Offsetof(c.be_nd_reserved), c.be_nd_reserved),
		field("misc.nd_opt_type", unsafe.Offsetof(g.NDOptType), g.NDOptType, unsafe.Offsetof(c.nd_opt_type), c.nd_opt_type),
	}
}

func ctLayout(g *dp.KeyCT, c *C.struct_fp_key_ct) []place {
	return []place{
		field("ct.state", unsafe.Offsetof(g.State), g.State, unsafe.Offsetof(c.state), c.state),
		field("ct.orig_proto", unsafe.Offsetof(g.OrigProto), g.OrigProto, unsafe.Offsetof(c.orig_proto), c.orig_proto),
		field("ct.zone", unsafe.Offsetof(g.Zone), g.Zone, unsafe.Offsetof(c.zone), c.zone),
		field("ct.mark", unsafe.Offsetof(g.Mark), g.Mark, unsafe.Offsetof(c.mark), c.mark),
		field("ct.label", unsafe.Offsetof(g.Label), g.Label, unsafe.Offsetof(c.label), c.label),
		field("ct.orig_src", unsafe.Offsetof(g.OrigSrc), g.OrigSrc, unsafe.Offsetof(c.orig_src), c.orig_src),
		field("ct.orig_dst", unsafe.Offsetof(g.OrigDst), g.OrigDst, unsafe.Offsetof(c.orig_dst), c.orig_dst),
		field("ct.be_orig_tp_src", unsafe.Offsetof(g.OrigTPSrc), g.OrigTPSrc, unsafe.Offsetof(c.be_orig_tp_src), c.be_orig_tp_src),
		field("ct.be_orig_tp_dst", unsafe.Offsetof(g.OrigTPDst), g.OrigTPDst, unsafe.Offsetof(c.be_orig_tp_dst), c.be_orig_tp_dst),
	}
}

// constants lists what has a value in both languages.
func constants() []place {
	return []place{
		constant("LineIP6", dp.LineIP6, C.FP_LINE_IP6),
		constant("LineTun", dp.LineTun, C.FP_LINE_TUN),
		constant("LineMisc", dp.LineMisc, C.FP_LINE_MISC),
		constant("LineCT", dp.LineCT, C.FP_LINE_CT),
		constant("FragAny", dp.FragAny, C.FP_FRAG_ANY),
		constant("FragLater", dp.FragLater, C.FP_FRAG_LATER),
		constant("VLANCFI", dp.VLANCFI, C.FP_VLAN_CFI),
		constant("EthTypeNone", dp.EthTypeNone, C.FP_ETH_TYPE_NONE),
		constant("TunOAM", dp.TunOAM, C.FP_TUN_OAM),
		constant("TunDF", dp.TunDF, C.FP_TUN_DF),
		constant("TunCsum", dp.TunCsum, C.FP_TUN_CSUM),
		constant("TunKey", dp.TunKey, C.FP_TUN_KEY),
		constant("NoPort", uint64(dp.NoPort), C.FP_NO_PORT),
		constant("PortEthdev", uint64(dp.PortEthdev), C.FP_PORT_ETHDEV),
		constant("PortKif", uint64(dp.PortKif), C.FP_PORT_KIF),
		constant("PortTap", uint64(dp.PortTap), C.FP_PORT_TAP),
		constant("PortTunnel", uint64(dp.PortTunnel), C.FP_PORT_TUNNEL),
		constant("PortRing", uint64(dp.PortRing), C.FP_PORT_RING),
		constant("UpcallMiss", uint64(dp.UpcallMiss), C.FP_UPCALL_MISS),
		constant("UpcallAction", uint64(dp.UpcallAction), C.FP_UPCALL_ACTION),
		constant("VerdictReinject", uint64(dp.VerdictReinject), C.FP_VERDICT_REINJECT),
		constant("VerdictExecute", uint64(dp.VerdictExecute), C.FP_VERDICT_EXECUTE),
		constant("VerdictDrop", uint64(dp.VerdictDrop), C.FP_VERDICT_DROP),
		constant("StageReceive", uint64(dp.StageReceive), C.FP_STAGE_RX),
		constant("StageParse", uint64(dp.StageParse), C.FP_STAGE_PARSE),
		constant("StageClassify", uint64(dp.StageClassify), C.FP_STAGE_CLASSIFY),
		constant("StageAct", uint64(dp.StageAct), C.FP_STAGE_ACT),
		constant("StageSend", uint64(dp.StageSend), C.FP_STAGE_TX),
		constant("NumStages", uint64(dp.NumStages), C.FP_N_STAGES),
		constant("TnlVXLAN", uint64(dp.TnlVXLAN), C.FP_TNL_VXLAN),
	}
}
