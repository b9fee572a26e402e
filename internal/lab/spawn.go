package lab

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// spawner starts processes from one OS thread that lives as long as the run.
//
// The kernel sends a child's parent-death signal when the thread that made the
// child ends, not the process (prctl(2), PR_SET_PDEATHSIG); Go's threads come and
// go. From a thread of its own the signal means what it should: the lab is gone.
type spawner struct {
	reqs chan func()
	quit chan struct{} // closed by close
	done chan struct{} // closed when the thread has ended
	once sync.Once
}

func newSpawner() *spawner {
	s := &spawner{reqs: make(chan func()), quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			select {
			case f := <-s.reqs:
				f()
			case <-s.quit:
				return
			}
		}
	}()
	return s
}

// start starts cmd in a process group of its own, so that a terminal's ^C reaches
// the lab alone, which then ends its children in order. With tied, the child is
// killed when the lab dies.
func (s *spawner) start(cmd *exec.Cmd, tied bool) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if tied {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	errc := make(chan error, 1)
	select {
	case s.reqs <- func() { errc <- cmd.Start() }:
		return <-errc
	case <-s.quit:
		return errors.New("the lab has ended")
	}
}

// close ends the thread. Children that are tied and still run are killed by it.
func (s *spawner) close() {
	s.once.Do(func() { close(s.quit) })
	<-s.done
}
