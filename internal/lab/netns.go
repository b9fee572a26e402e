package lab

import (
	"fmt"
	"runtime"

	"github.com/vishvananda/netns"
)

// within runs f on a thread that is in a network namespace. f must not start
// goroutines that need the namespace. A thread that cannot be brought back ends
// with its goroutine.
func within(name string, f func() error) error {
	errc := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		errc <- func() error {
			home, err := netns.Get()
			if err != nil {
				return fmt.Errorf("own network namespace: %w", err)
			}
			defer home.Close()
			there, err := netns.GetFromName(name)
			if err != nil {
				return fmt.Errorf("network namespace %s: %w", name, err)
			}
			defer there.Close()
			if err := netns.Set(there); err != nil {
				return fmt.Errorf("network namespace %s: %w", name, err)
			}
			err = f()
			if e := netns.Set(home); e == nil {
				runtime.UnlockOSThread()
			}
			return err
		}()
	}()
	return <-errc
}
