package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/urfave/cli/v2"
	"github.com/vishvananda/netns"
	"go.uber.org/zap"

	"github.com/skua/skua/bridge"
	"github.com/skua/skua/cgo"
	"github.com/skua/skua/internal/obs"
	"github.com/skua/skua/internal/pidfile"
	"github.com/skua/skua/internal/unixctl"
)

// daemon is a running switch with what must be given back at its end. Steps of the
// start push what undoes them; the end runs these from the last to the first.
type daemon struct {
	logs *obs.Log
	log  *zap.Logger
	eal  *cgo.EAL
	dp   *cgo.Datapath
	sw   *bridge.Switch
	ctl  *unixctl.Server
	ctx  context.Context // ends when the daemon is told to
	stop context.CancelFunc
	gone chan struct{} // closed when all but control socket and pidfile is given back
	undo []func() error
}

func (d *daemon) defers(f func() error) { d.undo = append(d.undo, f) }

// end gives everything back and joins what failed.
func (d *daemon) end() error {
	d.stop()
	var errs []error
	for i := len(d.undo) - 1; i >= 0; i-- {
		if err := d.undo[i](); err != nil {
			d.log.Error("end was not clean", zap.Error(err))
			errs = append(errs, err)
		}
	}
	d.undo = nil
	return errors.Join(errs...)
}

// runDaemon runs the switch until a signal or ovs-appctl exit ends it.
func runDaemon(c *cli.Context, cpus []int) (err error) {
	d := &daemon{gone: make(chan struct{})}
	if err := d.openLog(c); err != nil {
		return fmt.Errorf("vswitchd: %w", err)
	}
	d.ctx, d.stop = signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer func() {
		err = errors.Join(err, d.end())
		if err != nil {
			err = fmt.Errorf("vswitchd: %w", err)
		}
		if e := d.logs.Close(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	for _, step := range []func(*cli.Context) error{
		d.claim,
		d.startEAL,
		d.openDatapath,
		func(*cli.Context) error { return d.startLcores(cpus) },
		d.startSwitch,
		d.serve,
	} {
		if d.ctx.Err() != nil { // told to end while starting
			return nil
		}
		if err := step(c); err != nil {
			return err
		}
	}
	d.log.Info("ready", zap.String("socket", d.ctl.Path()), zap.String("isa", d.dp.Info().ISA),
		zap.String("dpdk", cgo.DPDKVersion()), zap.Ints("lcores", cpus))
	<-d.ctx.Done()
	d.log.Info("ending")
	return nil
}

// openLog makes the log. The console gets warnings and errors alone, unless asked.
func (d *daemon) openLog(c *cli.Context) error {
	d.logs = obs.New(obs.Options{Program: daemonName, Console: os.Stderr})
	if err := d.logs.Set("console:warn"); err != nil {
		return err
	}
	for _, spec := range c.StringSlice("verbose") {
		if err := d.logs.Set(spec); err != nil {
			return fmt.Errorf("-v %s: %w", spec, err)
		}
	}
	d.log = d.logs.Logger("vswitchd")
	if path := c.String("log-file"); path != "" {
		if err := d.logs.OpenFile(path); err != nil {
			return err
		}
	}
	return nil
}

// claim takes pidfile and control socket, which a second daemon finds taken.
func (d *daemon) claim(c *cli.Context) error {
	dir := c.String("rundir")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("rundir: %w", err)
	}
	path := c.String("pidfile")
	if path == "" {
		path = pidfile.Path(dir, daemonName)
	} else if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	pf, err := pidfile.Create(path)
	if err != nil {
		return err
	}
	d.defers(pf.Remove)
	sock := c.String("unixctl")
	if sock == "" {
		sock = unixctl.SocketPath(dir, daemonName, os.Getpid())
	}
	if d.ctl, err = unixctl.NewServer(sock, d.logs.Logger("unixctl")); err != nil {
		return err
	}
	d.defers(d.ctl.Close)
	d.defers(func() error { // a client of exit waits for this, and Close for the client's answer
		close(d.gone)
		return nil
	})
	return nil
}

func (d *daemon) startEAL(c *cli.Context) (err error) {
	d.eal, err = cgo.StartEAL(cgo.EALConfig{
		Huge: !c.Bool("no-huge"), MemMB: c.Int("mem"), FilePrefix: c.String("file-prefix"),
		PCI: !c.Bool("no-pci"), Log: d.logs.Logger("dpdk"),
	})
	if err == nil {
		d.defers(d.eal.Close)
	}
	return err
}

// openDatapath has the datapath closed at the end; packet buffers that are missing
// then are an error of the program, and the exit status says so.
func (d *daemon) openDatapath(c *cli.Context) (err error) {
	d.dp, err = cgo.Open(d.eal, cgo.Config{
		MaxFlows: c.Int("max-flows"), Mbufs: c.Int("mbufs"), Socket: -1,
		NoShortcut: c.Bool("no-shortcut"), ISA: c.String("isa"),
	})
	if err != nil {
		return err
	}
	d.defers(func() error {
		leaked, err := d.dp.Close()
		if err == nil && leaked != 0 {
			err = fmt.Errorf("%d packet buffers were not given back", leaked)
		}
		return err
	})
	return nil
}

// startLcores starts the housekeeping lcore, which kernel-facing ports need, and
// the pinned ones.
func (d *daemon) startLcores(cpus []int) error {
	if _, err := d.dp.LcoreStart(-1, true); err != nil {
		return fmt.Errorf("housekeeping lcore: %w", err)
	}
	for _, cpu := range cpus {
		if _, err := d.dp.LcoreStart(cpu, false); err != nil {
			return fmt.Errorf("lcore on CPU %d: %w", cpu, err)
		}
	}
	return nil
}

func (d *daemon) startSwitch(*cli.Context) error {
	sw, err := bridge.New(d.dp, netns.None(), d.logs.Logger)
	if err != nil {
		return err
	}
	d.sw = sw
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		sw.Run(ctx)
	}()
	d.defers(func() error {
		cancel()
		wg.Wait()
		return sw.Close()
	})
	return nil
}

// serve answers ovs-appctl and reopens the log on SIGHUP.
func (d *daemon) serve(*cli.Context) error {
	commands := d.registerCommands()
	failed := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { failed <- d.ctl.Serve(ctx) }()
	sampled := make(chan struct{})
	go func() {
		commands.Run(ctx)
		close(sampled)
	}()
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hup:
				if err := d.logs.Reopen(); err != nil {
					d.log.Warn("log could not be reopened", zap.Error(err))
				}
			case err := <-failed:
				failed <- err
				d.stop() // without its control socket the daemon would be lost
				return
			case <-done:
				return
			}
		}
	}()
	d.defers(func() error {
		signal.Stop(hup)
		close(done)
		cancel()
		<-sampled
		return <-failed
	})
	return nil
}
