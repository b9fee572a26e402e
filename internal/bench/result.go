package bench

import "time"

// Report is everything that a run found. Its JSON form is for programs; a change
// of meaning changes Version.
type Report struct {
	Version  int         `json:"version"`
	Started  time.Time   `json:"started"`
	Seconds  float64     `json:"seconds"`
	Host     Host        `json:"host"`
	Options  Options     `json:"options"`
	Subjects []SubjectID `json:"subjects"`
	Series   []*Series   `json:"series"`
	Solo     []*SoloRun  `json:"skua_alone"`
	Ratios   []Ratio     `json:"ratios"`
	Targets  []Target    `json:"targets"`
}

// ReportVersion is Report.Version of this code.
const ReportVersion = 1

// Host is where it ran.
type Host struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Kernel string  `json:"kernel"`
	TSCHz  float64 `json:"tsc_hz"`
	Core   int     `json:"core"`
	Others []int   `json:"other_cores"`
	Memory string  `json:"dpdk_memory"` // "hugepages" or "4k"
	Load   string  `json:"load_before"` // load averages when it began
}

// Options are what the run was asked for.
type Options struct {
	Rounds  int     `json:"rounds"`
	Window  float64 `json:"window_seconds"`
	Warmup  float64 `json:"warmup_seconds"`
	VNIs    int     `json:"vnis"`
	Proto   string  `json:"proto"`
	Exact   bool    `json:"exact"`
	NewRate int     `json:"new_flows_per_second"`
	Batch   int     `json:"install_batch"`
	Quick   bool    `json:"quick"`
}

// SubjectID says what a subject was, or why it did not run.
type SubjectID struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// Series is one subject's samples of one case.
type Series struct {
	Case
	Subject string   `json:"subject"`
	Cycles  Spread   `json:"cycles_per_packet"`
	Mpps    Spread   `json:"mpps"`
	Share   Spread   `json:"core_share"`
	Samples []Sample `json:"samples"`
	Error   string   `json:"error,omitempty"`
}

func (s *Series) summarise() {
	var cycles, mpps, share []float64
	for _, m := range s.Samples {
		cycles, mpps, share = append(cycles, m.Cycles), append(mpps, m.Mpps), append(share, m.Share)
	}
	s.Cycles, s.Mpps, s.Share = SpreadOf(cycles), SpreadOf(mpps), SpreadOf(share)
}

// SoloRun is one case of Skua alone; the slice of its job is filled.
type SoloRun struct {
	Case
	NewFlows []NewFlowsSample `json:"newflows,omitempty"`
	Install  []InstallSample  `json:"install,omitempty"`
	Memory   []MemorySample   `json:"memory,omitempty"`
	Error    string           `json:"error,omitempty"`
}

// NewFlowsSample compares established flows without and with new flows beside them.
type NewFlowsSample struct {
	MppsWithout float64 `json:"established_mpps_without"` // mean of before and after
	MppsWith    float64 `json:"established_mpps_with"`
	Ratio       float64 `json:"ratio"`
	Offered     float64 `json:"offered_per_second"`   // packets of new flows handed to the switch
	Installed   float64 `json:"installed_per_second"` // flows put into the table
	Deleted     float64 `json:"deleted_per_second"`   // old ones removed again, to keep the table bounded
	Lost        uint64  `json:"upcalls_lost"`
	Share       float64 `json:"core_share"` // Sample.Share, the worst of the three windows
}

// InstallSample is how fast Go changes the flow table while the core under test
// forwards traffic.
type InstallSample struct {
	Flows         int     `json:"flows"`
	Batch         int     `json:"batch"`
	PutsPerSecond float64 `json:"puts_per_second"`
	DelsPerSecond float64 `json:"deletes_per_second"`
}

// MemorySample is what flows cost in memory.
type MemorySample struct {
	Flows         int     `json:"flows"`
	BytesPerFlow  float64 `json:"bytes_per_flow"` // flows with counters, tables and programs of the data plane
	FlowBytes     uint64  `json:"flow_bytes"`
	TableBytes    uint64  `json:"table_bytes"`
	ProgBytes     uint64  `json:"prog_bytes"`
	RSSPerFlow    float64 `json:"process_bytes_per_flow"` // growth of the whole process, Go's records included
	GoHeapPerFlow float64 `json:"go_heap_bytes_per_flow"`
}

// Ratio compares Skua with a peer on one case.
type Ratio struct {
	Case
	Peer string `json:"peer"`
	// Faster is the peer's median cycles over Skua's: 2 means twice the packets.
	Faster float64 `json:"faster"`
}

func (r *Report) add(c Case, subject string) *Series {
	s := &Series{Case: c, Subject: subject}
	r.Series = append(r.Series, s)
	return s
}

func (r *Report) addSolo(c Case) *SoloRun {
	s := &SoloRun{Case: c}
	r.Solo = append(r.Solo, s)
	return s
}

// Find returns the series of a case and subject, nil if there is none or it has no sample.
func (r *Report) Find(c Case, subject string) *Series {
	for _, s := range r.Series {
		if s.Case == c && s.Subject == subject && len(s.Samples) > 0 {
			return s
		}
	}
	return nil
}

// FindSolo returns the run of a case of Skua alone, nil if there is none.
func (r *Report) FindSolo(c Case) *SoloRun {
	for _, s := range r.Solo {
		if s.Case == c {
			return s
		}
	}
	return nil
}

// Cases returns the forwarding cases in the order in which they ran.
func (r *Report) Cases() []Case {
	var cases []Case
	seen := map[Case]bool{}
	for _, s := range r.Series {
		if !seen[s.Case] {
			seen[s.Case] = true
			cases = append(cases, s.Case)
		}
	}
	return cases
}

// Failed reports whether a case of a subject that could run failed.
func (r *Report) Failed() bool {
	for _, s := range r.Series {
		if s.Error != "" {
			return true
		}
	}
	for _, s := range r.Solo {
		if s.Error != "" {
			return true
		}
	}
	return false
}

// Finish works out ratios and targets once all cases have run.
func (r *Report) Finish() {
	r.Seconds = time.Since(r.Started).Seconds()
	for _, c := range r.Cases() {
		skua := r.Find(c, SkuaName)
		if skua == nil {
			continue
		}
		for _, id := range r.Subjects {
			if peer := r.Find(c, id.Name); peer != nil && id.Name != SkuaName {
				r.Ratios = append(r.Ratios, Ratio{Case: c, Peer: id.Name, Faster: peer.Cycles.Median / skua.Cycles.Median})
			}
		}
	}
	r.Targets = targets(r)
}

// Names of subjects that results refer to.
const (
	SkuaName    = "skua"
	TestpmdName = "testpmd"
	OVSName     = "ovs"
)
