package dp

import "fmt"

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
	// Drops of lcore 0 also hold the packets that were queued for a port when it went.
	Drops []DropCount

	// StageCycles are TSC cycles of each stage of the packet loop in the bursts that are
	// sampled (a few per thousand), StagePackets the packets of these bursts. Bursts in
	// which the thread lost its CPU (over 200 us) are left out.
	StageCycles  [NumStages]uint64
	StagePackets uint64
}

// Stage is a stage of the packet loop, an index of [LcoreStats.StageCycles].
type Stage int

// Stages in the order of a packet's way.
const (
	StageReceive Stage = iota
	StageParse
	StageClassify
	StageAct // without sending
	StageSend
	NumStages
)

// String returns the stage's name, such as "receive".
func (s Stage) String() string {
	names := [NumStages]string{"receive", "parse", "classify", "act", "send"}
	if s < 0 || s >= NumStages {
		return fmt.Sprintf("stage(%d)", int(s))
	}
	return names[s]
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
