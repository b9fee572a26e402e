package lab

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stateRoot is where runs have their folders. Short, as a unix socket's path takes
// 107 bytes (unix(7)), and root's alone.
const stateRoot = "/run"

// state is what a run leaves word of in its folder, so that another process can
// tell whether it is still going on and remove what it made.
type state struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Owner   procID    `json:"owner"`  // the lab
	Daemon  procID    `json:"daemon"` // the switch; zero: none
	Kept    bool      `json:"kept"`   // the owner left it on purpose
}

// procID names a process beyond the reuse of its pid.
type procID struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after boot (proc(5), stat field 22)
}

// identify returns the id of a process that exists.
func identify(pid int) (procID, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procID{}, err
	}
	// The name, field 2, is in brackets and may hold anything.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 {
		return procID{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(f))
	}
	start, err := strconv.ParseUint(f[19], 10, 64)
	return procID{pid, start}, err
}

// alive reports whether the very process still exists.
func (p procID) alive() bool {
	if p.PID <= 0 {
		return false
	}
	now, err := identify(p.PID)
	return err == nil && now == p
}

// stateDir is the folder of run id. It is the daemon's OVS_RUNDIR too.
func stateDir(id string) string { return filepath.Join(stateRoot, nsPrefix+id) }

// newRun picks an id that nothing carries yet and makes its folder.
func newRun() (*state, error) {
	owner, err := identify(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("own process: %w", err)
	}
	for range 16 {
		var b [3]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, err
		}
		st := &state{ID: hex.EncodeToString(b[:]), Started: time.Now(), Owner: owner}
		err := os.Mkdir(stateDir(st.ID), 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("folder of the run: %w", err)
		}
		if err := st.save(); err != nil {
			os.RemoveAll(stateDir(st.ID))
			return nil, fmt.Errorf("folder of the run: %w", err)
		}
		return st, nil
	}
	return nil, fmt.Errorf("folder of the run: no free name below %s", stateRoot)
}

func (s *state) file() string { return filepath.Join(stateDir(s.ID), "lab.json") }

// save writes s to its folder.
func (s *state) save() error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(s.file(), append(b, '\n'))
}

// runs returns the runs that this machine has word of, or leftovers of. One whose
// file cannot be read is returned with its id alone.
func runs() []state {
	seen := map[string]bool{}
	var out []state
	dirs, _ := filepath.Glob(stateDir("*"))
	for _, d := range dirs {
		id := strings.TrimPrefix(filepath.Base(d), nsPrefix)
		st := state{ID: id}
		if b, err := os.ReadFile(st.file()); err == nil {
			if json.Unmarshal(b, &st) != nil || st.ID != id {
				st = state{ID: id}
			}
		}
		seen[id] = true
		out = append(out, st)
	}
	spaces, _ := filepath.Glob(filepath.Join(netnsDir, nsPrefix+"*"))
	for _, p := range spaces {
		id, _, ok := strings.Cut(strings.TrimPrefix(filepath.Base(p), nsPrefix), "-")
		if ok && id != "" && !seen[id] {
			seen[id] = true
			out = append(out, state{ID: id})
		}
	}
	return out
}
