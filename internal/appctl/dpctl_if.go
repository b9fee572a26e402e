package appctl

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/skua/skua/internal/dp"
)

// addIf is dpctl/add-if dp iface[,key=value]...: every interface is tried, the
// failures are reported together.
func (c *Commands) addIf(_ *dpctlOptions, args []string) (string, error) {
	if !c.isDatapath(args[0]) {
		return "", c.fail("opening datapath (No such device)", fmt.Errorf("the only datapath is %s", c.DP.Info().Name))
	}
	f := &failure{}
	for _, spec := range args[1:] {
		name, opts, err := parseInterface(spec)
		if err != nil {
			c.add(f, fmt.Sprintf("%s: %v (Invalid argument)", spec, err), nil)
			continue
		}
		if err := c.Ports.AddIf(name, opts); err != nil {
			c.addIfFailed(f, name, err)
		}
	}
	return "", f.err()
}

// addIfFailed words a refused interface: the device is not there or its type is not
// known, or the datapath does not take it.
func (c *Commands) addIfFailed(f *failure, name string, err error) {
	errno := errnoOf(err, syscall.ENODEV)
	if errno == syscall.ENODEV || errno == syscall.EAFNOSUPPORT {
		c.add(f, fmt.Sprintf("%s: failed to open network device (%s)", name, strerror(errno)), err)
		return
	}
	c.add(f, fmt.Sprintf("adding %s to %s failed (%s)", name, c.DP.Info().Name, strerror(errno)), err)
}

// parseInterface reads name,key=value,... . The text of dpdk-devargs has commas of
// its own: it goes on to the end, or to ",KEY=" with one of the keys that
// interfaces have.
func parseInterface(spec string) (string, map[string]string, error) {
	name, rest, more := strings.Cut(spec, ",")
	if name == "" {
		return "", nil, errors.New("no name of an interface in front of the first comma")
	}
	opts := make(map[string]string)
	for more {
		key, value, ok := strings.Cut(rest, "=")
		if !ok || key == "" || strings.Contains(key, ",") {
			word, _, _ := strings.Cut(rest, ",")
			return "", nil, fmt.Errorf("%q is not key=value", word)
		}
		if key == "dpdk-devargs" {
			value, rest, more = cutDevargs(value)
		} else {
			value, rest, more = strings.Cut(value, ",")
		}
		if _, twice := opts[key]; twice {
			return "", nil, fmt.Errorf("%s is given twice", key)
		}
		opts[key] = value
	}
	return name, opts, nil
}

// interfaceKeys end dpdk-devargs; no DPDK driver has devargs of these names.
var interfaceKeys = []string{
	"type", "n_rxq", "n_txq", "n_rxq_desc", "n_txq_desc", "mtu", "mtu_request", "port_no", "pmd-rxq-affinity",
}

func cutDevargs(text string) (devargs, rest string, more bool) {
	end := len(text)
	for _, key := range interfaceKeys {
		if i := strings.Index(text, ","+key+"="); i >= 0 {
			end = min(end, i)
		}
	}
	if end == len(text) {
		return text, "", false
	}
	return text[:end], text[end+1:], true
}

// delIf is dpctl/del-if dp iface...: names, or numbers of the datapath's ports.
func (c *Commands) delIf(_ *dpctlOptions, args []string) (string, error) {
	if !c.isDatapath(args[0]) {
		return "", c.fail("opening datapath (No such device)", fmt.Errorf("the only datapath is %s", c.DP.Info().Name))
	}
	f := &failure{}
	for _, arg := range args[1:] {
		name := arg
		no, numErr := strconv.ParseUint(arg, 10, 16)
		isNumber := numErr == nil
		if isNumber {
			info, err := c.DP.PortInfo(dp.PortNo(no))
			if err != nil {
				c.add(f, fmt.Sprintf("deleting port %s from %s failed (No such device)", arg, c.DP.Info().Name), nil)
				continue
			}
			name = info.Name
		}
		err := c.Ports.DelIf(name)
		switch {
		case err == nil:
		case errors.Is(err, dp.ErrNotFound) && !isNumber:
			c.add(f, "no port named "+name, nil)
		default:
			c.add(f, fmt.Sprintf("deleting port %s from %s failed (%s)", arg, c.DP.Info().Name,
				strerror(errnoOf(err, syscall.ENODEV))), err)
		}
	}
	return "", f.err()
}
