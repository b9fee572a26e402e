package dp

// UpcallReason says why a packet came up.
type UpcallReason uint32

// Reasons of upcalls.
const (
	UpcallMiss   UpcallReason = 1 // no flow matched; must be answered once
	UpcallAction UpcallReason = 2 // a userspace action; needs no answer
)

// Upcall is a packet that the data plane hands to Go. Packet and Cookie alias
// the receiver's buffer and are valid until the next receive.
type Upcall struct {
	Reason UpcallReason
	Token  UpcallToken
	InPort PortNo
	Key    Key // whole key
	PID    uint32
	Hash   uint32
	Len    int    // the packet's length
	Packet []byte // its first bytes
	Cookie []byte
}

// UpcallToken names the held packets of a miss.
type UpcallToken struct {
	Lcore uint16
	ID    uint64
}

// VerdictKind says what happens with the held packets of a miss.
type VerdictKind uint16

// Kinds of verdicts.
const (
	VerdictReinject VerdictKind = 1 + iota // classify again, after a flow put
	VerdictExecute                         // run Actions
	VerdictDrop
)

// Verdict answers a miss.
type Verdict struct {
	Token   UpcallToken
	Kind    VerdictKind
	Actions Actions // VerdictExecute
}

// PacketOut is a packet that Go sends. With Classify it is looked up as if it had
// been received, else Actions run on it.
type PacketOut struct {
	InPort   PortNo
	RecircID uint32
	Packet   []byte
	Classify bool
	Actions  Actions
}
