package appctl

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/odp"
)

// flowTypes are the types that type= takes. The flows of this datapath are all of
// type ovs and not offloaded.
var flowTypes = map[string]bool{ // true: our flows are of it
	"ovs": true, "non-offloaded": true, "all": true,
	"tc": false, "dpdk": false, "offloaded": false, "partially-offloaded": false,
}

// dumpRequest is what dump-flows' arguments ask for.
type dumpRequest struct {
	filter *filter // nil: all
	shown  bool    // by type=
	pmd    *int    // core of pmd=, nil: not given
}

// dumpFlows is dpctl/dump-flows [-m] [--names|--no-names] [dp] [filter=..] [type=..] [pmd=..].
//
// Flows stand in one table that all lcores share. Hence they come under the header
// for the main thread, and pmd= of any lcore that exists shows all of them.
func (c *Commands) dumpFlows(o *dpctlOptions, args []string) (string, error) {
	req, err := c.parseDump(args)
	if err != nil {
		return "", err
	}
	if !req.shown || req.pmd != nil && !c.hasCore(*req.pmd) {
		return "", nil
	}
	var b strings.Builder
	format, now := c.format(o), c.Now()
	header := req.pmd == nil
	err = c.DP.FlowDump(func(e *dp.FlowEntry) bool {
		if req.filter != nil && !req.filter.matches(&e.Key) {
			return true
		}
		if header {
			b.WriteString("flow-dump from the main thread:\n")
			header = false
		}
		b.WriteString(odp.FormatFlow(e, format, now) + "\n")
		return true
	})
	if err != nil {
		return b.String(), c.fail(fmt.Sprintf("Failed to dump flows from datapath (%s)",
			strerror(errnoOf(err, syscall.ENODEV))), err)
	}
	return b.String(), nil
}

func (c *Commands) parseDump(args []string) (*dumpRequest, error) {
	req := &dumpRequest{shown: true}
	seen := map[string]bool{}
	for i, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || !slices.Contains([]string{"filter", "type", "pmd"}, name) {
			if i > 0 {
				return nil, c.fail(fmt.Sprintf("%q is not filter=.., type=.. or pmd=.. (Invalid argument)", arg), nil)
			}
			if !c.isDatapath(arg) {
				return nil, c.notFound(arg)
			}
			continue
		}
		if seen[name] {
			return nil, c.fail(fmt.Sprintf("%s= is given twice (Invalid argument)", name), nil)
		}
		seen[name] = true
		if err := c.parseDumpArg(req, name, value); err != nil {
			return nil, err
		}
	}
	return req, nil
}

func (c *Commands) parseDumpArg(req *dumpRequest, name, value string) (err error) {
	switch name {
	case "filter":
		if req.filter, err = parseFilter(value, c.portNames()); err != nil {
			return c.fail(fmt.Sprintf("Failed to parse filter (%v)", err), nil)
		}
	case "type":
		req.shown = false
		for _, t := range strings.Split(value, ",") {
			ours, known := flowTypes[t]
			if !known {
				return c.fail(fmt.Sprintf("Failed to parse type (%s) (Invalid argument)", t), nil)
			}
			req.shown = req.shown || ours
		}
	case "pmd":
		core, err := strconv.Atoi(value)
		if err != nil {
			return c.fail(fmt.Sprintf("Failed to parse pmd (%s) (Invalid argument)", value), nil)
		}
		req.pmd = &core
	}
	return nil
}

// hasCore reports whether a lcore runs on that core; -1 stands for the main thread.
func (c *Commands) hasCore(core int) bool {
	if core == -1 {
		return true
	}
	return slices.ContainsFunc(c.DP.Lcores(), func(l dp.LcoreStats) bool { return !l.Housekeeping && l.CPU == core })
}
