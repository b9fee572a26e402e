package appctl

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/odp"
)

// addFlow is dpctl/add-flow [-s] [--may-create] [dp] flow actions. With
// --may-create a flow that exists is changed.
func (c *Commands) addFlow(o *dpctlOptions, args []string) (string, error) {
	mode := dp.PutCreate
	if o.mayCreate {
		mode = dp.PutAny
	}
	return c.putFlow(o, mode, args)
}

// modFlow is dpctl/mod-flow [-s] [--clear] [--may-create] [dp] flow actions.
func (c *Commands) modFlow(o *dpctlOptions, args []string) (string, error) {
	mode := dp.PutModify
	if o.mayCreate {
		mode = dp.PutAny
	}
	return c.putFlow(o, mode, args)
}

func (c *Commands) putFlow(o *dpctlOptions, mode dp.PutMode, args []string) (string, error) {
	args, err := c.takeDatapath(args, 2)
	if err != nil {
		return "", err
	}
	names := c.portNames()
	put := dp.FlowPut{Mode: mode, ZeroStats: o.zero}
	if put.UFID, put.Key, put.Mask, err = parseFlow(args[0], names); err != nil {
		return "", c.fail(fmt.Sprintf("parsing flow key (%s) (Invalid argument)", syntaxAt(err)), detail(err))
	}
	if put.Actions, err = odp.ParseActions(args[1], names); err != nil {
		return "", c.fail("parsing actions (Invalid argument)", detail(err))
	}
	ufid := c.ufidOf(put.UFID, &put.Key, &put.Mask)
	// -s prints what the flow had counted before the change.
	before, _ := c.DP.FlowGet(ufid)
	if err := errors.Join(c.DP.FlowPut([]dp.FlowPut{put})...); err != nil {
		return "", c.fail(fmt.Sprintf("updating flow table (%s)", strerror(errnoOf(err, syscall.ENOENT))), surprising(err))
	}
	if o.statistics {
		return c.statsLine(before.Stats), nil
	}
	return "", nil
}

// parseFlow reads [ufid:UUID,]key.
func parseFlow(text string, names odp.Names) (dp.UFID, dp.Key, dp.Mask, error) {
	ufid, rest, _, err := odp.SplitUFID(text)
	if err != nil {
		return dp.UFID{}, dp.Key{}, dp.Mask{}, err
	}
	key, mask, err := odp.ParseKey(rest, names)
	// Offsets count from the start of what the user wrote.
	var syntax *odp.SyntaxError
	if errors.As(err, &syntax) {
		moved := *syntax
		moved.Offset += len(text) - len(rest)
		moved.Text = text
		err = &moved
	}
	return ufid, key, mask, err
}

// ufidOf returns the id of a flow: the one given, else the one that the datapath
// makes from key and mask.
func (c *Commands) ufidOf(given dp.UFID, k *dp.Key, m *dp.Mask) dp.UFID {
	if given != (dp.UFID{}) {
		return given
	}
	return c.DP.MakeUFID(k, m)
}

// getFlow is dpctl/get-flow [--names] [-m] [dp] ufid:UUID.
func (c *Commands) getFlow(o *dpctlOptions, args []string) (string, error) {
	args, err := c.takeDatapath(args, 1)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(args[0], "ufid:") {
		return "", c.fail("parsing flow ufid (Invalid argument)",
			fmt.Errorf("%q does not begin with \"ufid:\"; dump-flows -m shows the ids", args[0]))
	}
	ufid, err := odp.ParseUFID(args[0])
	if err != nil {
		return "", c.fail("parsing flow ufid (Invalid argument)", detail(err))
	}
	e, err := c.DP.FlowGet(ufid)
	if err != nil {
		return "", c.fail(fmt.Sprintf("getting flow (%s)", strerror(errnoOf(err, syscall.ENOENT))), surprising(err))
	}
	return odp.FormatFlow(&e, c.format(o), c.Now()) + "\n", nil
}

// delFlow is dpctl/del-flow [-s] [dp] flow, where flow is ufid:UUID or a key.
func (c *Commands) delFlow(o *dpctlOptions, args []string) (string, error) {
	args, err := c.takeDatapath(args, 1)
	if err != nil {
		return "", err
	}
	ufid, rest, given, err := odp.SplitUFID(args[0])
	if err == nil && (!given || rest != "") {
		var key dp.Key
		var mask dp.Mask
		if ufid, key, mask, err = parseFlow(args[0], c.portNames()); err == nil {
			ufid = c.ufidOf(ufid, &key, &mask)
		}
	}
	if err != nil {
		return "", c.fail(syntaxAt(err)+" (Invalid argument)", detail(err))
	}
	stats, errs := c.DP.FlowDel([]dp.UFID{ufid})
	if err := errors.Join(errs...); err != nil {
		f := &failure{}
		errno := errnoOf(err, syscall.ENOENT)
		c.add(f, fmt.Sprintf("deleting flow (%s)", strerror(errno)), surprising(err))
		if errno == syscall.ENOENT {
			f.text.WriteString("Perhaps you need to specify a UFID?\n")
		}
		return "", f
	}
	if o.statistics && len(stats) == 1 {
		return c.statsLine(stats[0]), nil
	}
	return "", nil
}

// delFlows is dpctl/del-flows [dp].
func (c *Commands) delFlows(_ *dpctlOptions, args []string) (string, error) {
	if _, err := c.takeDatapath(args, 0); err != nil {
		return "", err
	}
	if _, err := c.DP.FlowFlush(); err != nil {
		return "", c.fail(fmt.Sprintf("deleting all flows (%s)", strerror(errnoOf(err, syscall.ENOENT))), err)
	}
	return "", nil
}

// format returns how flows are printed under the options.
func (c *Commands) format(o *dpctlOptions) odp.Format {
	f := odp.Format{Verbose: o.more}
	if o.names {
		f.Names = c.portNames()
	}
	return f
}

// statsLine prints a flow's counters as a flow's own line has them.
func (c *Commands) statsLine(s dp.FlowStats) string {
	line := odp.FormatFlow(&dp.FlowEntry{Stats: s}, odp.Format{}, c.Now())
	_, line, _ = strings.Cut(line, ", packets:")
	line, _, _ = strings.Cut(line, ", actions:")
	return "packets:" + line + "\n"
}

// syntaxAt words a syntax error as Open vSwitch does: with the rest of the text from
// the attribute on in which a token was refused.
func syntaxAt(err error) string {
	var syntax *odp.SyntaxError
	if !errors.As(err, &syntax) {
		return err.Error()
	}
	start, depth := 0, 0
	end := min(max(syntax.Offset, 0), len(syntax.Text))
	for i := range end {
		switch syntax.Text[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				start = i + 1
			}
		}
	}
	return "syntax error at " + syntax.Text[start:]
}

// detail is the line behind Open vSwitch's: the token, where it stands, and why.
func detail(err error) error {
	var syntax *odp.SyntaxError
	if errors.As(err, &syntax) {
		return syntax
	}
	return err
}

// surprising returns err unless Open vSwitch's text says it all.
func surprising(err error) error {
	if errors.Is(err, dp.ErrExist) || errors.Is(err, dp.ErrNotFound) {
		return nil
	}
	return err
}
