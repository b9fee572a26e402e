package tnl

import (
	"fmt"
	"net/netip"
	"sort"
	"strconv"
	"strings"

	"github.com/skua/skua/internal/dp"
)

// DefaultVXLANPort is VXLAN's UDP port (RFC 7348 section 5).
const DefaultVXLANPort = 4789

// DefaultTTL is the TTL or hop limit of outer headers, as in Open vSwitch.
const DefaultTTL = 64

// Config is the configuration of a tunnel port; the names of options are those of
// ovs-vswitchd.conf.db(5), table Interface.
type Config struct {
	Name       string
	Remote     netip.Addr // invalid: RemoteFlow
	RemoteFlow bool       // remote_ip=flow: any sender, and nobody to send to
	Local      netip.Addr // invalid: any
	Key        uint32     // VNI
	KeyFlow    bool       // key=flow: every VNI in, the packet's own VNI out
	DstPort    uint16
	GBP        bool // exts=gbp
	TOS        uint8
	TOSInherit bool
	TTL        uint8
	TTLInherit bool
	DF         bool
	Csum       bool
}

// ParseOptions reads the options of a VXLAN port. An option that it does not know,
// or whose value is wrong, is an error that names it; "type" is passed over.
func ParseOptions(name string, opts map[string]string) (Config, error) {
	c := Config{Name: name, DstPort: DefaultVXLANPort, TTL: DefaultTTL, DF: true}
	if name == "" {
		return c, fmt.Errorf("tunnel port: no name given: %w", dp.ErrInvalid)
	}
	keys := make([]string, 0, len(opts))
	for k := range opts {
		keys = append(keys, k)
	}
	sort.Strings(keys) // the same error for the same input
	for _, k := range keys {
		v := opts[k]
		if err := c.set(k, v); err != nil {
			return c, fmt.Errorf("tunnel port %q: option %s=%q: %w: %w", name, k, v, dp.ErrInvalid, err)
		}
	}
	if !c.Remote.IsValid() && !c.RemoteFlow {
		return c, fmt.Errorf("tunnel port %q: vxlan type requires valid 'remote_ip' argument: %w", name, dp.ErrInvalid)
	}
	if c.Remote.IsValid() && c.Local.IsValid() && c.Remote.Is4() != c.Local.Is4() {
		return c, fmt.Errorf("tunnel port %q: remote_ip %s and local_ip %s are of different families: %w",
			name, c.Remote, c.Local, dp.ErrInvalid)
	}
	return c, nil
}

func (c *Config) set(k, v string) (err error) {
	switch k {
	case "type":
	case "remote_ip", "remote":
		if v == "flow" {
			c.RemoteFlow = true
			return nil
		}
		c.Remote, err = parseIP(v)
		if err == nil && c.Remote.IsMulticast() {
			return fmt.Errorf("multicast remotes are not supported; name a unicast address")
		}
	case "local_ip", "local":
		if v == "flow" {
			return nil
		}
		c.Local, err = parseIP(v)
	case "key":
		if v == "flow" {
			c.KeyFlow = true
			return nil
		}
		var n uint64
		if n, err = strconv.ParseUint(v, 0, 24); err != nil {
			return fmt.Errorf("want \"flow\" or a VNI from 0 to 16777215")
		}
		c.Key = uint32(n)
	case "dst_port":
		var n uint64
		if n, err = strconv.ParseUint(v, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("want a UDP port from 1 to 65535")
		}
		c.DstPort = uint16(n)
	case "exts":
		for _, e := range strings.Split(v, ",") {
			if e != "gbp" {
				return fmt.Errorf("unknown extension %q; want gbp", e)
			}
			c.GBP = true
		}
	case "gbp":
		c.GBP, err = parseBool(v)
	case "tos":
		c.TOSInherit, c.TOS, err = parseInherit(v)
	case "ttl":
		c.TTLInherit, c.TTL, err = parseInherit(v)
		if err == nil && c.TTL == 0 {
			c.TTL = DefaultTTL
		}
	case "df_default", "df":
		c.DF, err = parseBool(v)
	case "csum":
		c.Csum, err = parseBool(v)
	default:
		return fmt.Errorf("unknown option; vxlan takes remote_ip, local_ip, key, dst_port, exts, tos, ttl, df_default, csum")
	}
	return err
}

func parseIP(v string) (netip.Addr, error) {
	a, err := netip.ParseAddr(v)
	if err != nil || a.Zone() != "" || a.IsUnspecified() {
		return netip.Addr{}, fmt.Errorf("want an IPv4 or IPv6 address")
	}
	return a.Unmap(), nil
}

func parseBool(v string) (bool, error) {
	switch v {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("want true or false")
}

func parseInherit(v string) (bool, uint8, error) {
	if v == "inherit" {
		return true, 0, nil
	}
	n, err := strconv.ParseUint(v, 0, 8)
	if err != nil {
		return false, 0, fmt.Errorf("want \"inherit\" or a number from 0 to 255")
	}
	return false, uint8(n), nil
}
