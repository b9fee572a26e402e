package pmd

import (
	"fmt"
	"net"
	"sort"
	"strconv"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// Types of ports, named as in ovs-vswitchd.conf.db(5).
const (
	TypeSystem   = "system"   // kernel interface by name
	TypeInternal = "internal" // tap that is a host's own way into the switch
	TypeTap      = "tap"      // tap, set up
	TypeDPDK     = "dpdk"     // DPDK device by dpdk-devargs
)

// MaxQueues is the largest number of receive queues of a port.
const MaxQueues = 16

// Config is the desired state of one port.
type Config struct {
	Name     string
	Type     string
	Devargs  string      // TypeDPDK
	RxQueues int         // 0: default
	RxDesc   int         // 0: default
	TxDesc   int         // 0: default
	MTU      int         // 0: leave
	MAC      dp.MAC      // zero: leave
	No       dp.PortNo   // NoPort: any
	Affinity map[int]int // receive queue -> cpu
}

// kernel reports whether the port's reads and writes are system calls.
func (c *Config) kernel() bool { return c.Type != TypeDPDK }

// sameDevice reports whether c can be reached from o without opening it anew.
func (c *Config) sameDevice(o *Config) bool {
	return c.Type == o.Type && c.Devargs == o.Devargs && c.RxQueues == o.RxQueues &&
		c.RxDesc == o.RxDesc && c.TxDesc == o.TxDesc && (c.No == o.No || c.No == dp.NoPort)
}

// ParseOptions reads the options of a port as `ovs-appctl dpctl/add-if` and the
// database's options column give them: type, dpdk-devargs, n_rxq, n_rxq_desc,
// n_txq_desc, mtu (or mtu_request), mac, port_no and pmd-rxq-affinity. Options that
// it does not know, or whose values are wrong, are errors that name them.
func ParseOptions(name, typ string, opts map[string]string) (Config, error) {
	c := Config{Name: name, Type: typ, No: dp.NoPort}
	if c.Type == "" {
		c.Type = TypeSystem
	}
	if name == "" {
		return c, fmt.Errorf("port: no name given: %w", dp.ErrInvalid)
	}
	switch c.Type {
	case TypeSystem, TypeInternal, TypeTap:
		if len(name) > 15 || strings.ContainsAny(name, "/ \t\n") || name == "." || name == ".." {
			return c, fmt.Errorf("port %q: not a name for a kernel interface (1 to 15 characters, no slash, no blank): %w",
				name, dp.ErrInvalid)
		}
	case TypeDPDK:
	default:
		return c, fmt.Errorf("port %q: unknown type %q; want system, internal, tap, dpdk or vxlan: %w", name, c.Type, dp.ErrInvalid)
	}
	keys := make([]string, 0, len(opts))
	for k := range opts {
		keys = append(keys, k)
	}
	sort.Strings(keys) // the same error for the same input
	for _, k := range keys {
		if err := c.set(k, opts[k]); err != nil {
			return c, fmt.Errorf("port %q: option %s=%q: %w", name, k, opts[k], err)
		}
	}
	if c.Type == TypeDPDK && c.Devargs == "" {
		return c, fmt.Errorf("port %q: type dpdk needs option dpdk-devargs, as dpdk-devargs=0000:03:00.0: %w", name, dp.ErrInvalid)
	}
	if c.Type != TypeDPDK && c.Devargs != "" {
		return c, fmt.Errorf("port %q: option dpdk-devargs is for type dpdk, not %s: %w", name, c.Type, dp.ErrInvalid)
	}
	return c, nil
}

func (c *Config) set(k, v string) (err error) {
	switch k {
	case "type":
	case "dpdk-devargs":
		c.Devargs = v
	case "n_rxq":
		c.RxQueues, err = number(v, 1, MaxQueues)
	case "n_rxq_desc":
		c.RxDesc, err = number(v, 1, 4096)
	case "n_txq_desc":
		c.TxDesc, err = number(v, 1, 4096)
	case "mtu", "mtu_request":
		c.MTU, err = number(v, 68, 65535)
	case "port_no", "dpif_port":
		var n int
		if n, err = number(v, 0, 65534); err == nil {
			c.No = dp.PortNo(n)
		}
	case "mac":
		var hw net.HardwareAddr
		if hw, err = net.ParseMAC(v); err != nil || len(hw) != 6 || hw[0]&1 != 0 {
			return fmt.Errorf("want a unicast Ethernet address: %w", dp.ErrInvalid)
		}
		c.MAC = dp.MAC(hw)
	case "pmd-rxq-affinity":
		c.Affinity, err = ParseAffinity(v)
	default:
		return fmt.Errorf("unknown option: %w", dp.ErrInvalid)
	}
	return err
}

// ParseAffinity reads QUEUE:CPU pairs. Pairs are split at a comma or, since a comma
// also splits the options of dpctl/add-if, at a semicolon.
func ParseAffinity(v string) (map[int]int, error) {
	out := map[int]int{}
	if v == "" {
		return out, nil
	}
	for _, pair := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ';' }) {
		q, cpu, ok := strings.Cut(pair, ":")
		if !ok {
			return nil, fmt.Errorf("%q: want QUEUE:CPU: %w", pair, dp.ErrInvalid)
		}
		qn, err := number(q, 0, MaxQueues-1)
		if err != nil {
			return nil, fmt.Errorf("queue: %w", err)
		}
		cn, err := number(cpu, 0, 1<<16)
		if err != nil {
			return nil, fmt.Errorf("cpu: %w", err)
		}
		if _, twice := out[qn]; twice {
			return nil, fmt.Errorf("queue %d stands twice: %w", qn, dp.ErrInvalid)
		}
		out[qn] = cn
	}
	return out, nil
}

func number(v string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%q is not a number from %d to %d: %w", v, lo, hi, dp.ErrInvalid)
	}
	return n, nil
}
