package dp

// PortNo is a datapath port number.
type PortNo uint16

// NoPort is no port, or any.
const NoPort PortNo = 0xffff

// PortKind says what stands behind a port.
type PortKind uint32

// Kinds of ports; the values are those of enum fp_port_kind.
const (
	PortEthdev PortKind = 1 + iota // DPDK device by devargs
	PortKif                        // kernel interface by name
	PortTap                        // tap that the switch makes
	PortTunnel                     // tunnel termination
	PortRing                       // rings, for tests and tools
)

// PortSpec asks for a port.
type PortSpec struct {
	Kind        PortKind
	No          PortNo // NoPort: any
	Name        string // PortKif, PortTap: the interface's name
	Devargs     string // PortEthdev
	RxQueues    int    // 0: default
	TxQueues    int
	RxDesc      int
	TxDesc      int
	MTU         int // 0: leave
	UpcallLimit int // outstanding upcalls, 0: default
	TnlUDPPort  uint16
	TnlAnyVNI   bool // terminate every VNI, else those of Datapath.SetVNI
	TnlGBP      bool
	TnlGPE      bool
}

// PortInfo is a port as it is.
type PortInfo struct {
	Kind       PortKind
	No         PortNo
	Name       string
	Driver     string
	Devargs    string
	RxQueues   int
	TxQueues   int
	MTU        int
	MAC        MAC
	LinkUp     bool
	Promisc    bool
	LinkMbps   int // 0: unknown
	Socket     int // NUMA socket, -1: any
	IfIndex    int // 0: none
	TnlUDPPort uint16
}

// PortStats are a port's counters.
type PortStats struct {
	RxPackets, RxBytes, RxDropped, RxErrors uint64
	TxPackets, TxBytes, TxDropped, TxErrors uint64
	Upcalls, UpcallsLost                    uint64
}

// Rxq names a receive queue.
type Rxq struct {
	Port  PortNo
	Queue int
}
