package dp

// LcoreStats are a lcore's counters.
type LcoreStats struct {
	ID           int
	Housekeeping bool
	CPU, Socket  int // CPU -1: not pinned

	RxPackets, RxBatches, TxPackets, TxBatches uint64
	EMCHits, MaskedHits, MaskedVisits          uint64 // MaskedVisits: masks looked at
	Misses, UpcallsSent, UpcallsLost           uint64
	Recirculations, ShortcutPops               uint64
	BusyCycles, IdleCycles, Turns, Sleeps      uint64
	HeldPackets                                uint64 // waiting for an upcall's answer now
	Drops                                      []DropCount
}

// DropCount is the count of one drop reason.
type DropCount struct {
	Name, Text string
	Packets    uint64
}

// MemoryStats is the data plane's memory.
type MemoryStats struct {
	MbufsTotal, MbufsInUse, MbufAllocFailed      uint64
	FlowBytes, TableBytes, ProgBytes, CacheBytes uint64
	Flows, Masks, Progs                          uint64
}

// MaskInfo describes one mask of the classifier, in the order of visits.
type MaskInfo struct {
	ID, Flows uint32
	Hits      uint64
}
