package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/skua/skua/cgo"
	"github.com/skua/skua/internal/bench/proc"
	"github.com/skua/skua/internal/bench/worker"
)

// benchWorkerCommand is what bench starts for each measurement of Skua: EAL starts
// once per process, and a process has one data plane.
var benchWorkerCommand = &cli.Command{
	Name:   "worker",
	Hidden: true,
	Usage:  "measure what the specification on standard input asks for, print JSON",
	Action: runBenchWorker,
}

func runBenchWorker(c *cli.Context) error {
	var spec worker.Spec
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		return fmt.Errorf("bench worker: specification on standard input: %w", err)
	}
	res, err := measureSkua(c, spec)
	if err != nil {
		return fmt.Errorf("bench worker: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(res)
}

// measureSkua opens the data plane, measures, and closes it. Packet buffers that
// are missing at the end are an error: the measured data plane leaked.
func measureSkua(c *cli.Context, spec worker.Spec) (res *worker.Result, err error) {
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ealMB := spec.MemMB
	if spec.Huge {
		ealMB = 0 // hugepages are taken as they are needed
	}
	eal, err := cgo.StartEAL(cgo.EALConfig{
		Huge: spec.Huge, MemMB: ealMB, FilePrefix: spec.FilePrefix, Log: benchLog(),
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, eal.Close()) }()
	plane, err := cgo.Open(eal, cgo.Config{MaxFlows: spec.MaxFlows, Mbufs: spec.Mbufs, Socket: -1})
	if err != nil {
		return nil, err
	}
	defer func() {
		leaked, cerr := plane.Close()
		if leaked > 0 {
			cerr = errors.Join(cerr, fmt.Errorf("%d packet buffers were not given back", leaked))
		}
		err = errors.Join(err, cerr)
	}()
	return worker.Run(ctx, spec, benchPlane{plane})
}

// benchPlane is the data plane as a worker needs it.
type benchPlane struct{ *cgo.Datapath }

// CoreTime implements [worker.Plane].
func (benchPlane) CoreTime(core int) (time.Duration, error) { return proc.CoreTime(os.Getpid(), core) }

// benchLog shows warnings on standard error; standard output is for the result.
func benchLog() *zap.Logger {
	enc := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(os.Stderr), zapcore.WarnLevel))
}
