package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skua/skua/internal/bench/traffic"
)

// Job is a kind of work that is measured.
type Job string

// Jobs. The first three are forwarding jobs that every subject can be asked for,
// the others measure Skua alone.
const (
	Forward  Job = "forward"  // frames from one port to another
	Push     Job = "push"     // frames into VXLAN over IPv4
	Pop      Job = "pop"      // frames out of VXLAN over IPv4
	NewFlows Job = "newflows" // established flows while new ones arrive
	Install  Job = "install"  // flow puts and deletes from Go
	Memory   Job = "memory"   // data-plane bytes per flow
)

// AllJobs are all jobs in the order in which they run.
var AllJobs = []Job{Forward, Push, Pop, NewFlows, Install, Memory}

// Forwarding reports whether the job forwards packets on every subject.
func (j Job) Forwarding() bool { return j == Forward || j == Push || j == Pop }

// ParseJob returns the job of that name.
func ParseJob(s string) (Job, error) {
	if !slices.Contains(AllJobs, Job(s)) {
		return "", fmt.Errorf("job %q: unknown, the jobs are %v", s, AllJobs)
	}
	return Job(s), nil
}

// Case is a job with a number of flows: distinct 5-tuples in the traffic of
// forwarding jobs and of newflows (its established ones), flows in the table of
// install and memory.
type Case struct {
	Job   Job `json:"job"`
	Flows int `json:"flows"`
}

func (c Case) String() string { return fmt.Sprintf("%s, %s flows", c.Job, ShortCount(c.Flows)) }

// ShortCount prints 10000 as 10k and 1000000 as 1M.
func ShortCount(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 1_000 && n%1_000 == 0:
		return fmt.Sprintf("%dk", n/1_000)
	}
	return fmt.Sprint(n)
}

// Sample is one measured window of a forwarding case.
type Sample struct {
	Packets uint64  `json:"packets"` // that left through the output port
	Seconds float64 `json:"seconds"`
	// Cycles is the whole core's cycles per packet: TSC ticks of the window over
	// packets. The same definition for every subject.
	Cycles float64 `json:"cycles_per_packet"`
	Mpps   float64 `json:"mpps"`
	// OwnCycles is the subject's own account of cycles per packet, 0 if it keeps
	// none; what it leaves out differs from subject to subject.
	OwnCycles float64 `json:"own_cycles_per_packet,omitempty"`
	// Share is the part of the window in which the subject's pinned thread had its
	// core: less than about 0.99 means that somebody else ran there too, and that
	// Cycles counts their time as the subject's.
	Share float64 `json:"core_share"`
	// Figures are the subject's further counters over the window, by name.
	Figures map[string]float64 `json:"figures,omitempty"`
	// Stages are Skua's; nil of the others, and if no burst of the window was sampled.
	Stages *Stages `json:"stages,omitempty"`
}

// Stages is where the cycles of the packet loop go, from the bursts of the window that
// the data plane sampled: time stamps included, empty polls not. What another thread
// took of the core in the middle of a stage counts for the stage.
type Stages struct {
	Packets uint64 `json:"sampled_packets"`
	// Cycles per packet, by stage; TSC.
	Receive  float64 `json:"receive_cycles"`
	Parse    float64 `json:"parse_cycles"`
	Classify float64 `json:"classify_cycles"`
	Act      float64 `json:"act_cycles"`
	Send     float64 `json:"send_cycles"`
}

// Reading is the state of a subject at a moment.
type Reading struct {
	At   time.Time
	Sent uint64        // packets that left through the output port
	Ran  time.Duration // how long the pinned thread has run on its core
}

// NewSample returns the sample between two readings on a machine whose TSC has hz
// ticks per second. No packet at all is an error: nothing was measured.
func NewSample(before, after Reading, hz float64) (Sample, error) {
	packets, d := after.Sent-before.Sent, after.At.Sub(before.At)
	if packets == 0 {
		return Sample{}, fmt.Errorf("no packet left the output port in %v, of which the forwarding thread had its core for %v",
			d.Round(time.Millisecond), (after.Ran - before.Ran).Round(time.Millisecond))
	}
	s := d.Seconds()
	return Sample{
		Share:   min(1, (after.Ran-before.Ran).Seconds()/s),
		Packets: packets, Seconds: s,
		Cycles: hz * s / float64(packets),
		Mpps:   float64(packets) / s / 1e6,
	}, nil
}

// Setup is what all cases of a run share.
type Setup struct {
	Core    int    // core under test
	Others  []int  // cores for everything else, at least one
	Dir     string // for files, sockets and databases; removed after the run
	Plan    traffic.Plan
	Exact   bool // Skua: one megaflow per flow instead of wildcarded ones
	Huge    bool // DPDK memory from hugepages, else 4 KB pages
	Window  time.Duration
	Warmup  time.Duration
	TSCHz   float64
	NewRate int // newflows: new flows per second
	Batch   int // install: flows per put
}

// ErrNotInstalled says that a subject cannot run because the machine lacks it.
var ErrNotInstalled = errors.New("not installed")

// Subject is a switch under test.
type Subject interface {
	// Name is the subject's short name, as --subjects takes it.
	Name() string
	// Version says what was found on this machine; an error that wraps
	// [ErrNotInstalled] says what is missing.
	Version() (string, error)
	// Measure starts the subject, lets it forward for Setup.Warmup, measures one
	// window and stops it, leaving nothing behind, also when ctx ends.
	Measure(ctx context.Context, s *Setup, c Case, pcap string) (Sample, error)
}
