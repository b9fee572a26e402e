package main

import (
	"context"
	"fmt"

	"github.com/skua/skua/internal/appctl"
)

// registerCommands makes the control server answer ovs-appctl.
func (d *daemon) registerCommands() *appctl.Commands {
	c := appctl.Register(d.ctl, appctl.Deps{
		DP: d.dp, Ports: d.sw, Rxqs: d.sw.PMD, Log: d.logs, Logger: d.logs.Logger("appctl"),
		Isolated: d.sw.PMD.Isolated,
		Exit:     d.exit,
		Version:  fmt.Sprintf("%s (Skua) %s", daemonName, version),
	})
	d.sw.RegisterCommands(func(name, usage string, minArgs, maxArgs int, run func(context.Context, []string) (string, error)) {
		d.ctl.Register(name, usage, minArgs, maxArgs, run)
	})
	return c
}

// exit ends the daemon for ovs-appctl exit, and returns once all but the control
// socket is gone. What outlives the daemon (taps) goes with it in either case.
func (d *daemon) exit(ctx context.Context, _ bool) error {
	d.stop()
	select {
	case <-d.gone:
	case <-ctx.Done():
	}
	return nil
}
