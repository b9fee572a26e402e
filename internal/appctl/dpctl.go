package appctl

import (
	"context"
	"fmt"
	"strings"

	"github.com/skua/skua/internal/unixctl"
)

// dpctlCommand is one command of the dpctl/ group.
type dpctlCommand struct {
	name, usage string
	min, max    int // arguments without options; max -1: any
	run         func(o *dpctlOptions, args []string) (string, error)
}

// dpctlOptions are the options that stand in front of a dpctl command's arguments.
type dpctlOptions struct {
	statistics, more, zero, mayCreate bool
	names                             bool // print ports' names: asked for, or by -m
}

func (c *Commands) registerDpctl(s *unixctl.Server) {
	list := []dpctlCommand{
		{"dump-dps", "", 0, 0, c.dumpDps},
		{"show", "[-s] [dp...]", 0, -1, c.dpctlShow},
		{"dump-flows", "[-m] [--names] [dp] [filter=..] [type=..] [pmd=..]", 0, 4, c.dumpFlows},
		{"add-flow", "[dp] flow actions", 2, 3, c.addFlow},
		{"mod-flow", "[dp] flow actions", 2, 3, c.modFlow},
		{"get-flow", "[dp] ufid", 1, 2, c.getFlow},
		{"del-flow", "[dp] flow", 1, 2, c.delFlow},
		{"del-flows", "[dp]", 0, 1, c.delFlows},
	}
	if c.Ports != nil {
		list = append(list,
			dpctlCommand{"add-if", "dp iface...", 2, -1, c.addIf},
			dpctlCommand{"del-if", "dp iface...", 2, -1, c.delIf})
	}
	list = append(list, dpctlCommand{"list-commands", "", 0, -1, func(*dpctlOptions, []string) (string, error) {
		var b strings.Builder
		b.WriteString("The available commands are:\n")
		for _, cmd := range list {
			fmt.Fprintf(&b, "  dpctl/%-23s %s\n", cmd.name, cmd.usage)
		}
		return b.String(), nil
	}})
	for _, cmd := range list {
		s.Register("dpctl/"+cmd.name, cmd.usage, 0, -1, cmd.handler())
	}
}

// handler parses options and counts arguments.
func (cmd dpctlCommand) handler() unixctl.Handler {
	return func(_ context.Context, args []string) (string, error) {
		o, rest, err := parseDpctlOptions(args)
		switch {
		case err != nil:
			return "", err
		case len(rest) < cmd.min:
			return "", fmt.Errorf("\"dpctl/%s\" command requires at least %d arguments", cmd.name, cmd.min)
		case cmd.max >= 0 && len(rest) > cmd.max:
			return "", fmt.Errorf("\"dpctl/%s\" command takes at most %d arguments", cmd.name, cmd.max)
		}
		return cmd.run(o, rest)
	}
}

// parseDpctlOptions takes the options off the front of args.
func parseDpctlOptions(args []string) (*dpctlOptions, []string, error) {
	o := &dpctlOptions{}
	namesSet := false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		arg := args[0]
		args = args[1:]
		switch arg {
		case "--statistics":
			o.statistics = true
		case "--more":
			o.more = true
		case "--clear", "--zero":
			o.zero = true
		case "--may-create":
			o.mayCreate = true
		case "--read-only":
			// No command here needs it: what only reads changes nothing.
		case "--names":
			o.names, namesSet = true, true
		case "--no-names":
			o.names, namesSet = false, true
		default:
			if err := o.short(arg); err != nil {
				return nil, nil, err
			}
		}
	}
	if !namesSet {
		o.names = o.more
	}
	return o, args, nil
}

// short takes letters behind one dash.
func (o *dpctlOptions) short(arg string) error {
	if strings.HasPrefix(arg, "--") {
		//lint:ignore ST1005 Open vSwitch's text
		return fmt.Errorf("Unrecognized option %s", arg)
	}
	for _, letter := range arg[1:] {
		switch letter {
		case 's':
			o.statistics = true
		case 'm':
			o.more = true
		default:
			//lint:ignore ST1005 Open vSwitch's text
			return fmt.Errorf("Unrecognized option -%c", letter)
		}
	}
	return nil
}

// takeDatapath takes the optional datapath off the front of args. With want
// arguments behind it, whatever else stands first in a longer list is no datapath.
func (c *Commands) takeDatapath(args []string, want int) ([]string, error) {
	if len(args) > want {
		if c.isDatapath(args[0]) {
			return args[1:], nil
		}
		return nil, c.notFound(args[0])
	}
	return args, nil
}

func (c *Commands) notFound(name string) error {
	return c.fail("datapath not found (Invalid argument)",
		fmt.Errorf("%q is no datapath; the only one is %s", name, c.DP.Info().Name))
}

func (c *Commands) dumpDps(*dpctlOptions, []string) (string, error) {
	return c.DP.Info().Name + "\n", nil
}
