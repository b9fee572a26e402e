package lab

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Signals returns a context that ends at the first SIGINT, SIGTERM, SIGHUP or SIGQUIT, with
// an error that wraps [ErrInterrupted] as its cause, and a channel that closes at the
// second: the daemon is then killed and not asked. No signal ends the process while
// stop has not been called, so that cleaning up is never cut short.
func Signals(parent context.Context) (ctx context.Context, force <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	sigs := make(chan os.Signal, 8)
	signal.Notify(sigs, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	// A reader of the lab's output that goes away must not end it half way. Ignoring
	// the signal would be inherited by every child; catching it is not.
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	second, quit := make(chan struct{}), make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case s := <-sigs:
				cancel(fmt.Errorf("%w by %s", ErrInterrupted, s))
				if n == 1 {
					close(second)
				}
			case <-quit:
				return
			}
		}
	}()
	return ctx, second, func() {
		signal.Stop(sigs)
		signal.Stop(pipe)
		close(quit)
		cancel(nil)
	}
}
