package dp

// Action is one datapath action. The set of types is closed: those of this file.
// Byte layouts for the data plane are made in cgo, texts in odp.
type Action interface{ isAction() }

// Actions is a list of actions; an empty list drops.
type Actions []Action

// Output sends the packet to a port.
type Output struct{ Port PortNo }

// PushVLAN pushes a tag; TCI has VLANCFI set.
type PushVLAN struct{ TPID, TCI uint16 }

// PopVLAN removes the outer tag.
type PopVLAN struct{}

// SetEth rewrites Ethernet addresses where the masks have bits.
type SetEth struct{ Src, Dst, SrcMask, DstMask MAC }

// SetIPv4 rewrites IPv4 fields where the masks have bits.
type SetIPv4 struct {
	Src, Dst, SrcMask, DstMask BE32
	TOS, TTL, TOSMask, TTLMask uint8
}

// SetIPv6 rewrites IPv6 fields where the masks have bits.
type SetIPv6 struct {
	Src, Dst, SrcMask, DstMask             IP6
	Label, LabelMask                       BE32
	TClass, HLimit, TClassMask, HLimitMask uint8
}

// SetTP rewrites TCP (Proto 6) or UDP (Proto 17) ports where the masks have bits.
type SetTP struct {
	Proto                      uint8
	Src, Dst, SrcMask, DstMask BE16
}

// SetICMP rewrites the type and code of ICMP or, with V6, ICMPv6.
type SetICMP struct {
	V6                             bool
	Type, Code, TypeMask, CodeMask uint8
}

// SetARP rewrites ARP fields where the masks have bits.
type SetARP struct {
	SIP, TIP, SIPMask, TIPMask BE32
	Op, OpMask                 BE16
	SHA, THA, SHAMask, THAMask MAC
}

// SetND rewrites neighbour discovery fields where the masks have bits.
type SetND struct {
	Target, TargetMask         IP6
	SLL, TLL, SLLMask, TLLMask MAC
}

// SetMark rewrites the packet's mark.
type SetMark struct{ Value, Mask uint32 }

// SetPriority rewrites the packet's priority.
type SetPriority struct{ Value, Mask uint32 }

// TnlType is a tunnel type as flow text numbers it (OVS_VPORT_TYPE_*).
type TnlType uint16

// TnlVXLAN is VXLAN's number.
const TnlVXLAN TnlType = 4

// TnlPush puts a prebuilt outer header, Ethernet to VXLAN, in front of the packet.
// As in Open vSwitch the actions behind it (an Output, usually) go on with the
// encapsulated packet, and OutPort is information for people only: a push that is
// not the last thing done stands in a [Clone]. Lengths, the UDP source port and
// checksums are filled by the data plane; a UDP checksum in Header that is not
// zero asks for one.
type TnlPush struct {
	TnlPort, OutPort PortNo
	Type             TnlType
	Header           []byte // at most 128 bytes
}

// TnlPop removes the outer headers and classifies the packet again, as from
// tunnel port Port.
type TnlPop struct{ Port PortNo }

// Recirc classifies the packet again with recirculation id ID.
type Recirc struct{ ID uint32 }

// Userspace hands a copy of the packet to Go.
type Userspace struct {
	PID    uint32
	Cookie []byte // at most 64 bytes, handed back as it is
}

// Clone runs a nested list on a copy of the packet; the actions behind it go on
// with the packet as it was. Flow text: clone(...).
type Clone struct{ Actions Actions }

// Drop ends the list and drops the packet.
type Drop struct{}

func (Output) isAction()      {}
func (PushVLAN) isAction()    {}
func (PopVLAN) isAction()     {}
func (SetEth) isAction()      {}
func (SetIPv4) isAction()     {}
func (SetIPv6) isAction()     {}
func (SetTP) isAction()       {}
func (SetICMP) isAction()     {}
func (SetARP) isAction()      {}
func (SetND) isAction()       {}
func (SetMark) isAction()     {}
func (SetPriority) isAction() {}
func (TnlPush) isAction()     {}
func (TnlPop) isAction()      {}
func (Recirc) isAction()      {}
func (Userspace) isAction()   {}
func (Clone) isAction()       {}
func (Drop) isAction()        {}
