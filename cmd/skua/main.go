// Command skua is a virtual switch around a data plane on DPDK, with what is
// needed to try it and to measure it. One file per command.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
)

// version is what --version and ovs-appctl version show; releases set it when
// they link.
var version = "0.1.0"

var commands = []*cli.Command{vswitchdCommand, labCommand, benchCommand}

func main() {
	app := &cli.App{
		Name:            "skua",
		Usage:           "virtual switch for NFV appliances, SmartNIC hosts and performance labs",
		Version:         version,
		Commands:        commands,
		HideHelpCommand: true,
		ExitErrHandler:  func(*cli.Context, error) {}, // below, once
	}
	err := app.Run(os.Args)
	if err == nil {
		return
	}
	code := 1
	var coded cli.ExitCoder
	if errors.As(err, &coded) {
		code = coded.ExitCode()
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(os.Stderr, "skua: %s\n", text)
	}
	os.Exit(code)
}
