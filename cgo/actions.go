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

// maxRecord is the longest record: its length is 16 bits, a multiple of four.
const maxRecord = 0xfffc

// push appends a zeroed record with room for extra bytes behind T, padded to a
// multiple of four, and returns it. The pointer is good until b grows again. Every
// record type starts with struct fp_act_hdr.
func push[T any](b []byte, typ uint16, extra int) ([]byte, *T) {
	var t T
	size := (int(unsafe.Sizeof(t)) + extra + 3) &^ 3
	at := len(b)
	for range size / 4 {
		b = append(b, 0, 0, 0, 0)
	}
	p := unsafe.Pointer(&b[at])
	h := (*C.struct_fp_act_hdr)(p)
	h._type = C.uint16_t(typ)
	h.len = C.uint16_t(size)
	return b, (*T)(p)
}

// tail returns the n bytes behind the record of type T that b ends with.
func tail[T any](b []byte, rec *T, n int) []byte {
	at := int(uintptr(unsafe.Pointer(rec))-uintptr(unsafe.Pointer(&b[0]))) + int(unsafe.Sizeof(*rec))
	return b[at : at+n]
}

func pushU32(b []byte, typ uint16, v uint32) []byte {
	b, r := push[C.struct_fp_act_u32](b, typ, 0)
	r.value = C.uint32_t(v)
	return b
}

// appendActions appends the flat form of actions (fastpath/include/fp_action.h) to b.
// On error b is returned as it was.
func appendActions(b []byte, actions dp.Actions) ([]byte, error) {
	from := len(b)
	for i, a := range actions {
		var err error
		if b, err = appendAction(b, a); err != nil {
			return b[:from], invalid("action %d of %d: %v", i+1, len(actions), err)
		}
	}
	return b, nil
}

func appendAction(b []byte, a dp.Action) ([]byte, error) {
	switch a := a.(type) {
	case dp.Output:
		return pushU32(b, C.FP_ACT_OUTPUT, uint32(a.Port)), nil
	case dp.TnlPop:
		return pushU32(b, C.FP_ACT_TNL_POP, uint32(a.Port)), nil
	case dp.Recirc:
		return pushU32(b, C.FP_ACT_RECIRC, a.ID), nil
	case dp.PushVLAN:
		b, r := push[C.struct_fp_act_push_vlan](b, C.FP_ACT_PUSH_VLAN, 0)
		r.be_tpid = be16(dp.ToBE16(a.TPID))
		r.be_tci = be16(dp.ToBE16(a.TCI))
		return b, nil
	case dp.PopVLAN:
		b, _ = push[C.struct_fp_act_hdr](b, C.FP_ACT_POP_VLAN, 0)
		return b, nil
	case dp.Drop:
		b, _ = push[C.struct_fp_act_hdr](b, C.FP_ACT_DROP, 0)
		return b, nil
	case dp.SetMark:
		return pushSetU32(b, C.FP_ACT_SET_MARK, a.Value, a.Mask), nil
	case dp.SetPriority:
		return pushSetU32(b, C.FP_ACT_SET_PRIORITY, a.Value, a.Mask), nil
	case dp.TnlPush:
		return appendTnlPush(b, a)
	case dp.Userspace:
		return appendUserspace(b, a)
	case dp.Clone:
		return appendClone(b, a)
	case nil:
		return b, invalid("no action")
	}
	return appendSet(b, a)
}

func pushSetU32(b []byte, typ uint16, value, mask uint32) []byte {
	b, r := push[C.struct_fp_act_set_u32](b, typ, 0)
	r.value, r.mask = C.uint32_t(value), C.uint32_t(mask)
	return b
}

// appendSet encodes the set actions of whole headers.
func appendSet(b []byte, a dp.Action) ([]byte, error) {
	switch a := a.(type) {
	case dp.SetEth:
		b, r := push[C.struct_fp_act_set_eth](b, C.FP_ACT_SET_ETH, 0)
		r.dst, r.src = mac(a.Dst), mac(a.Src)
		r.dst_mask, r.src_mask = mac(a.DstMask), mac(a.SrcMask)
		return b, nil
	case dp.SetIPv4:
		b, r := push[C.struct_fp_act_set_ipv4](b, C.FP_ACT_SET_IPV4, 0)
		r.be_src, r.be_src_mask = be32(a.Src), be32(a.SrcMask)
		r.be_dst, r.be_dst_mask = be32(a.Dst), be32(a.DstMask)
		r.tos, r.tos_mask = C.uint8_t(a.TOS), C.uint8_t(a.TOSMask)
		r.ttl, r.ttl_mask = C.uint8_t(a.TTL), C.uint8_t(a.TTLMask)
		return b, nil
	case dp.SetIPv6:
		b, r := push[C.struct_fp_act_set_ipv6](b, C.FP_ACT_SET_IPV6, 0)
		r.src, r.src_mask = ip6(a.Src), ip6(a.SrcMask)
		r.dst, r.dst_mask = ip6(a.Dst), ip6(a.DstMask)
		r.be_label, r.be_label_mask = be32(a.Label), be32(a.LabelMask)
		r.tclass, r.tclass_mask = C.uint8_t(a.TClass), C.uint8_t(a.TClassMask)
		r.hlimit, r.hlimit_mask = C.uint8_t(a.HLimit), C.uint8_t(a.HLimitMask)
		return b, nil
	case dp.SetTP:
		b, r := push[C.struct_fp_act_set_tp](b, C.FP_ACT_SET_TP, 0)
		r.proto = C.uint8_t(a.Proto)
		r.be_src, r.be_src_mask = be16(a.Src), be16(a.SrcMask)
		r.be_dst, r.be_dst_mask = be16(a.Dst), be16(a.DstMask)
		return b, nil
	case dp.SetICMP:
		b, r := push[C.struct_fp_act_set_icmp](b, C.FP_ACT_SET_ICMP, 0)
		r._type, r.type_mask = C.uint8_t(a.Type), C.uint8_t(a.TypeMask)
		r.code, r.code_mask = C.uint8_t(a.Code), C.uint8_t(a.CodeMask)
		if a.V6 {
			r.v6 = 1
		}
		return b, nil
	case dp.SetARP:
		b, r := push[C.struct_fp_act_set_arp](b, C.FP_ACT_SET_ARP, 0)
		r.be_sip, r.be_sip_mask = be32(a.SIP), be32(a.SIPMask)
		r.be_tip, r.be_tip_mask = be32(a.TIP), be32(a.TIPMask)
		r.be_op, r.be_op_mask = be16(a.Op), be16(a.OpMask)
		r.sha, r.sha_mask = mac(a.SHA), mac(a.SHAMask)
		r.tha, r.tha_mask = mac(a.THA), mac(a.THAMask)
		return b, nil
	case dp.SetND:
		b, r := push[C.struct_fp_act_set_nd](b, C.FP_ACT_SET_ND, 0)
		r.target, r.target_mask = ip6(a.Target), ip6(a.TargetMask)
		r.sll, r.sll_mask = mac(a.SLL), mac(a.SLLMask)
		r.tll, r.tll_mask = mac(a.TLL), mac(a.TLLMask)
		return b, nil
	}
	return b, invalid("type %T is not known to the data plane", a)
}

func appendTnlPush(b []byte, a dp.TnlPush) ([]byte, error) {
	if len(a.Header) == 0 || len(a.Header) > C.FP_TNL_HDR_MAX {
		return b, invalid("tunnel header of %d bytes, expected 1 to %d", len(a.Header), C.FP_TNL_HDR_MAX)
	}
	b, r := push[C.struct_fp_act_tnl_push](b, C.FP_ACT_TNL_PUSH, len(a.Header))
	r.tnl_port = C.uint32_t(a.TnlPort)
	r.out_port = C.uint32_t(a.OutPort)
	r.tnl_type = C.uint16_t(a.Type)
	r.header_len = C.uint16_t(len(a.Header))
	copy(tail(b, r, len(a.Header)), a.Header)
	return b, nil
}

func appendUserspace(b []byte, a dp.Userspace) ([]byte, error) {
	if len(a.Cookie) > C.FP_COOKIE_MAX {
		return b, invalid("userspace cookie of %d bytes, at most %d", len(a.Cookie), C.FP_COOKIE_MAX)
	}
	b, r := push[C.struct_fp_act_userspace](b, C.FP_ACT_USERSPACE, len(a.Cookie))
	r.pid = C.uint32_t(a.PID)
	r.cookie_len = C.uint16_t(len(a.Cookie))
	copy(tail(b, r, len(a.Cookie)), a.Cookie)
	return b, nil
}

// appendClone encodes the nested list behind the clone's header and then says there
// how long the record has become.
func appendClone(b []byte, a dp.Clone) ([]byte, error) {
	at := len(b)
	b, _ = push[C.struct_fp_act_hdr](b, C.FP_ACT_CLONE, 0)
	b, err := appendActions(b, a.Actions)
	if err != nil {
		return b, err
	}
	if len(b)-at > maxRecord {
		return b, invalid("clone of %d bytes, at most %d", len(b)-at, maxRecord)
	}
	(*C.struct_fp_act_hdr)(unsafe.Pointer(&b[at])).len = C.uint16_t(len(b) - at)
	return b, nil
}

// The fields named be_* hold the bytes of the wire whatever the machine's order.
func be16(v dp.BE16) C.uint16_t { return *(*C.uint16_t)(unsafe.Pointer(&v)) }
func be32(v dp.BE32) C.uint32_t { return *(*C.uint32_t)(unsafe.Pointer(&v)) }

func mac(v dp.MAC) [6]C.uint8_t  { return *(*[6]C.uint8_t)(unsafe.Pointer(&v)) }
func ip6(v dp.IP6) [16]C.uint8_t { return *(*[16]C.uint8_t)(unsafe.Pointer(&v)) }
