package lab

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skua/skua/internal/lab/report"
	"github.com/skua/skua/internal/lab/ui"
)

// lab is one run. Its fields belong to the goroutine that runs the steps.
type lab struct {
	opts Options
	st   *state
	topo topology
	sh   *shell
	sw   theSwitch
	res  *Result
	smp  *sampler
}

// ErrInterrupted is wrapped by the error of a run that was told to stop.
var ErrInterrupted = errors.New("interrupted")

// Run makes the hosts, runs every step, cleans up and writes the report. The error
// says why the lab could not run at all; what the steps found is in the result, which
// is not nil whenever hosts were made. When Run returns nothing of the run is left,
// but for the report and, with Options.Keep, what the result's Kept says.
//
// Cancelling ctx ends the run early: its cleanup still runs to the end.
func Run(ctx context.Context, o Options) (res *Result, err error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	if err := preflight(&o); err != nil {
		return nil, err
	}
	if !o.NoHuge && o.Switch == SwitchSkua && freeHugeMB() < o.MemMB {
		o.UI.Note(fmt.Sprintf("%d MB of hugepages are free and %d MB are asked for: running without (--no-huge)", freeHugeMB(), o.MemMB))
		o.NoHuge = true
	}
	if old := stale(); len(old) > 0 {
		o.UI.Note("earlier runs left hosts behind (skua lab --clean removes them): " + strings.Join(old, ", "))
	}
	l, err := newLab(o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil { // a bug: still leave the machine clean
			l.sw.kill()
			l.sh.close()
			_ = remove(l.st.ID)
			panic(p)
		}
	}()
	l.steps(ctx)
	l.res.Seconds = time.Since(l.st.Started).Seconds()
	l.res.Commands = l.sh.commands()
	return l.res, l.write()
}

func newLab(o Options) (*lab, error) {
	st, err := newRun()
	if err != nil {
		return nil, err
	}
	var u unix.Utsname
	_ = unix.Uname(&u)
	l := &lab{
		opts: o, st: st, topo: topology{st.ID},
		sh: newShell(o.UI, "TMPDIR="+stateDir(st.ID)), // what a tool leaves goes with the run's folder
		res: &Result{
			ID: st.ID, Switch: o.Switch, Started: st.Started, Kernel: unix.ByteSliceToString(u.Release[:]),
			CPUs: runtime.NumCPU(), CPU: o.CPU, Huge: !o.NoHuge, Topology: Picture,
		},
	}
	l.sw = kernelSwitch{l}
	if o.Switch == SwitchSkua {
		l.sw = &skuaSwitch{l: l}
	} else {
		l.res.Huge = false
	}
	return l, nil
}

// stale names the runs whose lab is gone and that are not kept.
func stale() []string {
	var out []string
	for _, st := range runs() {
		if !st.Owner.alive() && !st.Kept && !st.justBorn() {
			out = append(out, st.ID)
		}
	}
	return out
}

// step is one named check.
type step struct {
	group, name string
	must        bool // without it the rest makes no sense
	last        bool // runs in any case: cleaning up
	limit       time.Duration
	run         func(context.Context) (string, error)
}

// stepLimit bounds a step that names no limit of its own.
const stepLimit = 20 * time.Second

// steps runs the plan. After a step that must pass has failed, or when ctx ends, only
// the last ones run.
func (l *lab) steps(ctx context.Context) {
	plan := l.plan()
	stopped := ""
	for i, s := range plan {
		if ctx.Err() != nil && l.res.Interrupted == "" {
			l.res.Interrupted = context.Cause(ctx).Error()
			stopped = l.res.Interrupted
			l.opts.UI.Note(stopped + ": cleaning up")
		}
		l.opts.UI.Begin(i+1, len(plan), s.group, s.name)
		done := ui.Step{Group: s.group, Name: s.name, Status: ui.Pass}
		began := time.Now()
		switch {
		case stopped != "" && !s.last:
			if l.res.Interrupted != "" {
				continue // nobody waits for the list of what was not done
			}
			done.Status, done.Error = ui.Skip, "not run: "+stopped
		default:
			l.one(ctx, s, &done)
			if done.Status == ui.Fail && s.must {
				stopped = "“" + s.name + "” failed"
			}
			if done.Status == ui.Fail && ctx.Err() != nil && !s.last {
				continue // it was cut short: the next turn says so
			}
		}
		done.Seconds = time.Since(began).Seconds()
		l.res.Steps = append(l.res.Steps, done)
		l.opts.UI.End(i+1, len(plan), done)
	}
}

// one runs s under its limit.
func (l *lab) one(ctx context.Context, s step, done *ui.Step) {
	limit := s.limit
	if limit == 0 {
		limit = stepLimit
	}
	if s.last {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the step took longer than %v", limit))
	defer cancel()
	var err error
	done.Detail, err = s.run(ctx)
	var skip skipped
	switch {
	case errors.As(err, &skip):
		done.Status, done.Error = ui.Skip, string(skip)
	case err != nil:
		done.Status, done.Error = ui.Fail, err.Error()
		if s.must || len(l.res.Log) == 0 {
			l.keepLog()
		}
	}
}

// skipped is the error of a step that does not apply here, and why.
type skipped string

func (s skipped) Error() string { return string(s) }

// keepLog keeps the end of the daemon's log for the report.
func (l *lab) keepLog() {
	if s, ok := l.sw.(*skuaSwitch); ok {
		l.res.Log = strings.Split(s.tail(40), "\n")
	}
}

// figures returns the result's figures, made at first use.
func (l *lab) figures() *Figures {
	if l.res.Figures == nil {
		l.res.Figures = &Figures{Texts: map[string]string{}}
	}
	return l.res.Figures
}

// finish ends what runs, removes everything that the run made and looks whether it
// is gone. It runs at the end of every run, whatever happened before.
func (l *lab) finish(context.Context) (string, error) {
	if l.smp != nil {
		l.smp.stop()
	}
	l.sw.kill()
	l.sh.close()
	err := remove(l.st.ID)
	if left := leftovers(l.st.ID); len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("left behind: %s", strings.Join(left, ", ")))
	}
	return "no namespace, link, process, page, socket or file of the run is left", err
}

// keep leaves hosts and switch as they are and says what to try.
func (l *lab) keep(context.Context) (string, error) {
	if l.smp != nil {
		l.smp.stop()
	}
	l.st.Kept = true
	if err := l.st.save(); err != nil {
		return "", err
	}
	l.sh.close()
	l.res.Kept = true
	return "skua lab --clean " + l.st.ID + " removes it", nil
}

// Hints are commands to try on the hosts of a run that was kept.
func (r *Result) Hints() []string {
	t := topology{r.ID}
	red := Segments()[0]
	out := []string{
		quote(t.in(red.A.Host, "ping", "-c", "3", red.B.IP4)),
		quote(t.in(red.B.Host, "iperf3", "-s", "-1", "-D")) + " && " + quote(t.in(red.A.Host, "iperf3", "-c", red.B.IP4)),
		quote(t.in(hostB, "tshark", "-n", "-i", "eth0", "-c", "10")),
		quote(t.in(hostA2, "bash")),
	}
	l := &lab{topo: t, st: &state{ID: r.ID}}
	if r.Switch == SwitchSkua {
		out = append((&skuaSwitch{l: l}).hints(), out...)
	} else {
		out = append(kernelSwitch{l}.hints(), out...)
	}
	return append(out, "skua lab --clean "+r.ID)
}

// write writes the report and the JSON.
func (l *lab) write() error {
	var errs []error
	if l.opts.JSON != "" {
		errs = append(errs, l.res.WriteJSON(l.opts.JSON))
	}
	if l.opts.Report != "" {
		page, err := report.HTML(l.res.page())
		if err == nil {
			err = writeFile(l.opts.Report, page)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// isSkua returns the daemon, or nil when the kernel stands in for it.
func (l *lab) isSkua() *skuaSwitch { s, _ := l.sw.(*skuaSwitch); return s }
