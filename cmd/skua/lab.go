package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/skua/skua/internal/lab"
	"github.com/skua/skua/internal/lab/ui"
)

// exitInterrupted is the exit status of a lab that was told to stop: the shell's for
// SIGINT.
const exitInterrupted = 130

// labCommand runs the switch between hosts in network namespaces.
var labCommand = &cli.Command{
	Name:      "lab",
	Usage:     "run the switch between real hosts in network namespaces and judge it",
	ArgsUsage: " ",
	Description: `Makes plain hosts on veth pairs and hosts behind the kernel's own vxlan device, starts
vswitchd between them, and shows ping, iperf3, isolation of VNIs, what leaves on the wire,
flows and per-lcore figures. Needs root. Ends by itself in under two minutes, exits with
status 0 only if every check passed, and leaves nothing behind, also after ^C.`,
	Flags: []cli.Flag{
		&cli.BoolFlag{Name: "keep", Usage: "leave hosts and switch running and print commands to try"},
		&cli.BoolFlag{Name: "clean", Usage: "remove what --keep or a killed lab left; with an id, that run alone"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON lines: one object per step, then the summary"},
		&cli.StringFlag{Name: "report", Value: "build/lab/report.html", Usage: "write the HTML report to `FILE` and the same as JSON beside it; empty: none"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show every command that is run"},
		&cli.BoolFlag{Name: "no-huge", Usage: "run without hugepages; chosen by itself where too few are free"},
		&cli.IntFlag{Name: "mem", Value: 512, Usage: "the switch's memory in `MB`"},
		&cli.IntFlag{Name: "cpu", Value: -1, Usage: "`CPU` of the pinned lcore; -1: the last one that may be used"},
		&cli.DurationFlag{Name: "time", Value: 2 * time.Second, Usage: "length of an iperf3 run, 1s to 10s"},
		&cli.StringFlag{Name: "switch", Value: lab.SwitchSkua, Usage: "what stands between the hosts: skua, or kernel to check the lab itself"},
		&cli.StringSliceFlag{Name: "vswitchd", Usage: "one more argument for vswitchd, such as --no-shortcut; may repeat"},
	},
	Action: runLab,
}

func runLab(c *cli.Context) error {
	ctx, force, stop := lab.Signals(c.Context)
	defer stop()
	if c.Bool("clean") {
		return cleanLab(ctx, c.App.Writer, c.Args().First())
	}
	if c.Args().Present() {
		return cli.Exit(fmt.Sprintf("lab: unexpected argument %q (a run's id goes with --clean)", c.Args().First()), 2)
	}
	out := c.App.Writer
	opts := lab.Options{
		Switch: c.String("switch"), NoHuge: c.Bool("no-huge"), MemMB: c.Int("mem"), CPU: c.Int("cpu"), Duration: c.Duration("time"),
		Extra: c.StringSlice("vswitchd"), Keep: c.Bool("keep"), Report: c.String("report"), UI: labUI(c, out), Force: force,
	}
	if opts.Report != "" {
		opts.JSON = strings.TrimSuffix(opts.Report, ".html") + ".json"
	}
	res, err := lab.Run(ctx, opts)
	opts.UI.Close()
	if res == nil {
		return cli.Exit("lab: "+err.Error(), 1)
	}
	if err != nil {
		fmt.Fprintln(c.App.ErrWriter, "lab:", err)
	}
	labSummary(c, out, &opts, res)
	switch {
	case res.Interrupted != "":
		return cli.Exit("", exitInterrupted)
	case err != nil || !res.OK():
		return cli.Exit("", 1)
	}
	return nil
}

// labUI picks how progress is shown: JSON lines when asked, a bar on a terminal,
// plain lines elsewhere.
func labUI(c *cli.Context, out io.Writer) ui.UI {
	verbose := c.Bool("verbose")
	if c.Bool("json") {
		return &ui.JSONL{W: out, Commands: verbose}
	}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return ui.NewTerm(out, verbose)
	}
	return &ui.Plain{W: out, Commands: verbose}
}

// labSummary prints what a run found; its last line is "N passed, N failed".
func labSummary(c *cli.Context, out io.Writer, opts *lab.Options, res *lab.Result) {
	if c.Bool("json") {
		passed, failed, skipped := res.Count()
		_ = json.NewEncoder(out).Encode(map[string]any{
			"event": "summary", "id": res.ID, "passed": passed, "failed": failed, "skipped": skipped, "ok": res.OK(),
			"seconds": res.Seconds, "interrupted": res.Interrupted, "report": opts.Report,
		})
	} else {
		fmt.Fprint(out, "\n", lab.Tables(res))
		if opts.Report != "" {
			fmt.Fprintf(out, "report: %s\n", opts.Report)
		}
		if res.Kept {
			fmt.Fprintf(out, "\nLeft running as %s. Commands to try:\n\n  %s\n\n", res.ID, strings.Join(res.Hints(), "\n  "))
		}
	}
	fmt.Fprintln(out, res.Summary())
}

// cleanLab removes what earlier runs left.
func cleanLab(ctx context.Context, out io.Writer, id string) error {
	removed, busy, err := lab.Clean(ctx, id)
	for _, r := range removed {
		fmt.Fprintln(out, "removed", r)
	}
	for _, b := range busy {
		fmt.Fprintln(out, "let be: run", b, "goes on")
	}
	if err != nil {
		return cli.Exit("lab: "+err.Error(), 1)
	}
	if len(removed)+len(busy) == 0 {
		fmt.Fprintln(out, "nothing to remove")
	}
	return nil
}
