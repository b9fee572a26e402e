package dp

import (
	"encoding/binary"
	"unsafe"
)

// BE16 is a 16-bit field as it stands on the wire.
type BE16 [2]byte

// BE32 is a 32-bit field as it stands on the wire.
type BE32 [4]byte

// BE64 is a 64-bit field as it stands on the wire.
type BE64 [8]byte

// MAC is an Ethernet address as it stands on the wire.
type MAC [6]byte

// IP6 is an IPv6 address, or an IPv4 address as ::ffff:a.b.c.d.
type IP6 [16]byte

// Uint returns the field's value.
func (b BE16) Uint() uint16 { return binary.BigEndian.Uint16(b[:]) }

// Uint returns the field's value.
func (b BE32) Uint() uint32 { return binary.BigEndian.Uint32(b[:]) }

// Uint returns the field's value.
func (b BE64) Uint() uint64 { return binary.BigEndian.Uint64(b[:]) }

// ToBE16 returns v as it stands on the wire.
func ToBE16(v uint16) (b BE16) { binary.BigEndian.PutUint16(b[:], v); return b }

// ToBE32 returns v as it stands on the wire.
func ToBE32(v uint32) (b BE32) { binary.BigEndian.PutUint32(b[:], v); return b }

// ToBE64 returns v as it stands on the wire.
func ToBE64(v uint64) (b BE64) { binary.BigEndian.PutUint64(b[:], v); return b }

// Lines of a key beside the base line, bits of [KeyBase].Lines.
const (
	LineIP6  = 1 << 0
	LineTun  = 1 << 1
	LineMisc = 1 << 2
	LineCT   = 1 << 3
)

// Bits of [KeyBase].IPFrag, as Open vSwitch's nw_frag.
const (
	FragAny   = 1
	FragLater = 2
)

// VLANCFI is the bit of a TCI that says that a tag is present.
const VLANCFI = 0x1000

// EthTypeNone is the Ethernet type of an 802.2 frame without SNAP.
const EthTypeNone = 0x05ff

// Bits of [KeyTun].Flags, as Open vSwitch's FLOW_TNL_F_*.
const (
	TunOAM  = 1 << 0
	TunDF   = 1 << 1
	TunCsum = 1 << 2
	TunKey  = 1 << 3
)

// KeyBase is line 0 of a key. Its layout is that of struct fp_key_base in
// fastpath/include/fp_key.h, as are those of the other lines.
type KeyBase struct {
	RecircID uint32
	InPort   PortNo
	Lines    uint8 // lines in use, Line*; never compared by a mask
	_        uint8
	_        uint32 // tun_ep: the caches' own
	_        uint16
	_        uint16
	EthDst   MAC
	EthSrc   MAC
	EthType  BE16  // the type behind all VLAN tags
	VLANTCI  BE16  // 0: no tag; else with VLANCFI set
	IPSrc    BE32  // ARP: sender's address
	IPDst    BE32  // ARP: target's address
	IPTTL    uint8 // IPv6: hop limit
	IPProto  uint8 // ARP: low byte of the opcode
	IPFrag   uint8
	IPTOS    uint8 // IPv6: traffic class
	TPSrc    BE16  // ICMP: type
	TPDst    BE16  // ICMP: code
	TCPFlags BE16
	VLANTPID BE16 // 0 without a tag
	PktMark  uint32
	_        uint64 // priv
}

// KeyIP6 is the IPv6 and neighbour discovery line.
type KeyIP6 struct {
	Src, Dst IP6
	Label    BE32 // 20 bits
	NDTarget IP6
	NDSLL    MAC
	NDTLL    MAC
}

// KeyTun is the tunnel line.
type KeyTun struct {
	Src, Dst     IP6
	TunID        BE64
	Flags        uint16 // Tun*
	TOS, TTL     uint8
	TPSrc, TPDst BE16
	GBPID        BE16
	GBPFlags     uint8
	GPEFlags     uint8
	GPENP        uint8
	_            [11]byte
}

// KeyMisc is the line of rare fields.
type KeyMisc struct {
	ARPSHA, ARPTHA MAC
	CVLANTPID      BE16 // the second VLAN tag
	CVLANTCI       BE16
	MPLS           [3]BE32
	SkbPriority    uint32
	DPHash         uint32
	PacketType     BE32
	NDReserved     BE32
	NDOptType      uint8
	_              [19]byte
}

// KeyCT is the connection tracking line.
type KeyCT struct {
	State, OrigProto     uint8
	Zone                 uint16
	Mark                 uint32
	Label                [16]byte
	OrigSrc, OrigDst     IP6
	OrigTPSrc, OrigTPDst BE16
	_                    [4]byte
}

// Key is a flow key in full form. A line that Lines does not name is zero.
type Key struct {
	KeyBase
	IP6  KeyIP6
	Tun  KeyTun
	Misc KeyMisc
	CT   KeyCT
}

// Mask has the layout of a key; a set bit means that the bit is compared.
type Mask Key

// KeySize is the size of a key and of a mask in bytes.
const KeySize = 320

// Bytes returns the key as the data plane sees it; it aliases k.
func (k *Key) Bytes() *[KeySize]byte { return (*[KeySize]byte)(unsafe.Pointer(k)) }

// Bytes returns the mask as the data plane sees it; it aliases m.
func (m *Mask) Bytes() *[KeySize]byte { return (*[KeySize]byte)(unsafe.Pointer(m)) }

// SetLines makes Lines name exactly the lines that hold a bit.
func (k *Key) SetLines() {
	var zero [64]byte
	b := k.Bytes()
	k.Lines = 0
	for i := range 4 {
		if [64]byte(b[64*(i+1):64*(i+2)]) != zero {
			k.Lines |= 1 << i
		}
	}
}

// Apply returns k with every bit cleared that m does not compare.
func (k *Key) Apply(m *Mask) Key {
	var out Key
	kb, mb, ob := k.Bytes(), m.Bytes(), out.Bytes()
	for i := range ob {
		ob[i] = kb[i] & mb[i]
	}
	out.SetLines()
	return out
}

// Matches reports whether packet key p is equal to k in all bits of m; k has no
// bit outside of m.
func (k *Key) Matches(m *Mask, p *Key) bool {
	kb, mb, pb := k.Bytes(), m.Bytes(), p.Bytes()
	for i := range kb {
		if i == 6 { // Lines is derived, never compared
			continue
		}
		if (kb[i]^pb[i])&mb[i] != 0 {
			return false
		}
	}
	return true
}
