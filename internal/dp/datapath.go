package dp

import "time"

// Datapath is what the control plane needs of a data plane. Methods are safe for
// use by several goroutines unless they say otherwise. Batches report per element:
// the returned slice has one error (nil: done) per element.
type Datapath interface {
	// Ports.
	PortAdd(PortSpec) (PortNo, error)
	PortDel(PortNo) error
	PortInfo(PortNo) (PortInfo, error)
	PortByName(name string) (PortInfo, error)
	Ports() []PortInfo // ascending by number
	PortStats(PortNo) (PortStats, error)
	PortSetMTU(PortNo, int) error
	PortSetMAC(PortNo, MAC) error
	PortSetUp(PortNo, bool) error
	SetVNI(port PortNo, vni uint32, on bool) error

	// Flows. A flow's UFID is its name; without one the datapath makes it.
	FlowPut([]FlowPut) []error
	FlowGet(UFID) (FlowEntry, error)
	FlowDel([]UFID) ([]FlowStats, []error) // last counts, exact
	FlowFlush() (int, error)
	// FlowDump calls f for every flow until it returns false.
	FlowDump(f func(*FlowEntry) bool) error
	FlowCount() int
	// MakeUFID returns the UFID that a flow with this key and mask gets.
	MakeUFID(*Key, *Mask) UFID

	// Lcores.
	Lcores() []LcoreStats
	LcoreRxqs(id int) []Rxq
	SetLcoreRxqs(id int, rxqs []Rxq) error

	// Packets.
	PacketOut([]PacketOut) []error
	// UpcallRecv waits at most d for upcalls and calls f with a batch in the order
	// of arrival. One goroutine at a time.
	UpcallRecv(d time.Duration, f func([]Upcall)) error
	UpcallAnswer([]Verdict) []error

	// Figures.
	Memory() MemoryStats
	Masks() []MaskInfo
	TSCHz() uint64
	Info() Info
}

// Info describes the data plane itself.
type Info struct {
	Name        string // "netdev@ovs-netdev"
	ISA         string // build of the packet loop
	DPDKVersion string
	MaxFlows    int
}
