package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/skua/skua/internal/bench"
	"github.com/skua/skua/internal/bench/setup"
)

// benchCommand measures Skua beside testpmd and Open vSwitch: docs/bench.md.
var benchCommand = &cli.Command{
	Name:  "bench",
	Usage: "measure Skua, testpmd's io forward and Open vSwitch on DPDK, in turns on one core",
	Description: "Jobs: forward, push (into VXLAN) and pop (out of VXLAN) on every subject; newflows, install and\n" +
		"memory on Skua alone. Prints cycles per packet, Mpps and ratios. Needs root and two cores.",
	Flags: []cli.Flag{
		&cli.StringSliceFlag{Name: "jobs", Usage: fmt.Sprintf("what to measure, of %v", bench.AllJobs), Value: cli.NewStringSlice(setup.Defaults.Jobs...)},
		&cli.IntSliceFlag{Name: "flows", Usage: "distinct 5-tuples in the traffic", Value: cli.NewIntSlice(setup.Defaults.Flows...)},
		&cli.StringSliceFlag{Name: "subjects", Usage: "who is measured", Value: cli.NewStringSlice(setup.Defaults.Subjects...)},
		&cli.IntFlag{Name: "rounds", Usage: "windows per case and subject", Value: setup.Defaults.Rounds},
		&cli.DurationFlag{Name: "window", Usage: "length of a measured window", Value: setup.Defaults.Window},
		&cli.DurationFlag{Name: "warmup", Usage: "traffic before a window", Value: setup.Defaults.Warmup},
		&cli.IntFlag{Name: "core", Usage: "core under test; -1: the last", Value: setup.Defaults.Core},
		&cli.IntFlag{Name: "vnis", Usage: "VNIs that the flows share", Value: setup.Defaults.VNIs},
		&cli.StringFlag{Name: "proto", Usage: "inner flows: udp or tcp", Value: setup.Defaults.Proto},
		&cli.BoolFlag{Name: "exact", Usage: "Skua: one megaflow per flow instead of wildcarded ones"},
		&cli.StringFlag{Name: "memory", Usage: "DPDK memory: huge, 4k, or auto (hugepages if enough are free)", Value: setup.Defaults.Memory},
		&cli.IntFlag{Name: "rate", Usage: "newflows: new flows per second", Value: setup.Defaults.NewRate},
		&cli.IntFlag{Name: "batch", Usage: "install: flows per put", Value: setup.Defaults.Batch},
		&cli.IntFlag{Name: "install-flows", Usage: "install: flows to put and delete", Value: setup.Defaults.Install},
		&cli.IntSliceFlag{Name: "memory-flows", Usage: "memory: flows in the table", Value: cli.NewIntSlice(setup.Defaults.Tables...)},
		&cli.BoolFlag{Name: "quick", Usage: "one short round: shows that everything works, figures say little"},
		&cli.PathFlag{Name: "json", Usage: "write the report to this file"},
		&cli.PathFlag{Name: "plot", Usage: "draw cycles per packet into this file (.svg, .png, .pdf)"},
	},
	Subcommands: []*cli.Command{benchWorkerCommand},
	Action:      runBench,
}

func runBench(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("bench: %q is not an option; see skua bench --help", c.Args().First())
	}
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: this program's own path: %w", err)
	}
	worker := []string{self, "bench", benchWorkerCommand.Name}
	err = setup.Run(ctx, benchOptions(c), worker, c.App.Version, os.Stdout, os.Stderr)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// benchOptions reads the flags; what --quick shortens, a flag can still set.
func benchOptions(c *cli.Context) setup.Options {
	o := setup.Defaults
	if c.Bool("quick") {
		o.Shorten()
	}
	o.Jobs, o.Flows, o.Subjects = c.StringSlice("jobs"), c.IntSlice("flows"), c.StringSlice("subjects")
	o.Core, o.VNIs, o.Proto, o.Exact = c.Int("core"), c.Int("vnis"), c.String("proto"), c.Bool("exact")
	o.Memory, o.NewRate, o.Batch = c.String("memory"), c.Int("rate"), c.Int("batch")
	o.JSON, o.Plot = c.Path("json"), c.Path("plot")
	given := func(name string) bool { return !o.Quick || c.IsSet(name) }
	if given("rounds") {
		o.Rounds = c.Int("rounds")
	}
	if given("window") {
		o.Window = c.Duration("window")
	}
	if given("warmup") {
		o.Warmup = c.Duration("warmup")
	}
	if given("install-flows") {
		o.Install = c.Int("install-flows")
	}
	if given("memory-flows") {
		o.Tables = c.IntSlice("memory-flows")
	}
	return o
}
