package tnl

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/skua/skua/internal/dp"
)

// Register adds a command to the control server: its name, the usage that
// list-commands shows, how many arguments it takes and what it does.
type Register func(name, usage string, minArgs, maxArgs int,
	run func(ctx context.Context, args []string) (string, error))

// Tables are the tables that the commands show and change.
type Tables struct {
	Ports      *Ports
	Neighbours *Neighbours
	Routes     *Routes
	// Devices returns the interfaces whose addresses end tunnels.
	Devices func() []Device
}

// RegisterCommands adds tnl/* and ovs/route/*. Texts of answers and of errors are
// those of Open vSwitch 3.1.
func (t Tables) RegisterCommands(reg Register) {
	reg("tnl/ports/show", "-v", 0, 1, t.portsShow)
	for _, alias := range []string{"tnl/neigh", "tnl/arp"} {
		reg(alias+"/show", "", 0, 0, t.neighShow)
		reg(alias+"/set", "BRIDGE IP MAC", 3, 3, t.neighSet)
		reg(alias+"/flush", "", 0, 0, t.neighFlush)
		reg(alias+"/aging", "[SECS]", 0, 1, t.neighAging)
	}
	reg("ovs/route/add", "ip_addr/prefix_len out_br_name [gw] [pkt_mark=mark]", 2, 4, t.routeAdd)
	reg("ovs/route/show", "", 0, 0, t.routeShow)
	reg("ovs/route/del", "ip_addr/prefix_len [pkt_mark=mark]", 1, 2, t.routeDel)
	reg("ovs/route/lookup", "ip_addr [pkt_mark=mark]", 1, 2, t.routeLookup)
}

func (t Tables) portsShow(_ context.Context, args []string) (string, error) {
	var b strings.Builder
	b.WriteString("Listening ports:\n")
	eps := t.Ports.Endpoints()
	verbose := len(args) > 0 && args[0] == "-v"
	if !verbose {
		for _, e := range eps {
			fmt.Fprintf(&b, "%s (%d) ref_cnt=%d\n", e.Name, e.No, e.Refs)
		}
		return b.String(), nil
	}
	for _, v6 := range []bool{true, false} {
		for _, e := range eps {
			t.endpointAddrs(&b, e, v6)
		}
	}
	return b.String(), nil
}

func (t Tables) endpointAddrs(b *strings.Builder, e Endpoint, v6 bool) {
	for _, d := range t.Devices() {
		for _, p := range d.Addrs {
			if p.Addr().IsLoopback() || p.Addr().Is6() != v6 {
				continue
			}
			family, ethType := "ipv4", ethTypeIPv4
			if v6 {
				family, ethType = "ipv6", ethTypeIPv6
			}
			fmt.Fprintf(b, "%s (%d) : eth(dst=%s),eth_type(0x%04x),%s(dst=%s,proto=17,frag=no),udp(dst=%d)\n",
				e.Name, e.No, FormatMAC(d.MAC), ethType, family, p.Addr(), e.UDPPort)
		}
	}
}

func (t Tables) neighShow(context.Context, []string) (string, error) {
	return t.Neighbours.Show(), nil
}

func (t Tables) neighSet(_ context.Context, args []string) (string, error) {
	ip, err := parseIP(args[1])
	if err != nil {
		return "", errors.New("bad IP address")
	}
	hw, err := net.ParseMAC(args[2])
	if err != nil || len(hw) != 6 {
		return "", errors.New("bad MAC address")
	}
	t.Neighbours.Set(args[0], ip, dp.MAC(hw))
	return "OK", nil
}

func (t Tables) neighFlush(context.Context, []string) (string, error) {
	t.Neighbours.Flush()
	return "OK", nil
}

func (t Tables) neighAging(_ context.Context, args []string) (string, error) {
	if len(args) == 0 {
		return strconv.Itoa(int(t.Neighbours.Aging() / time.Second)), nil
	}
	secs, err := strconv.ParseUint(args[0], 10, 32)
	if err == nil {
		err = t.Neighbours.SetAging(time.Duration(secs) * time.Second)
	}
	if err != nil {
		return "", errors.New("bad aging value")
	}
	return "OK", nil
}

func (t Tables) routeShow(context.Context, []string) (string, error) {
	return t.Routes.Show(), nil
}

func (t Tables) routeAdd(_ context.Context, args []string) (string, error) {
	dst, ok := parsePrefix(args[0])
	if !ok {
		return "", answer("Invalid parameters")
	}
	var gw netip.Addr
	var mark uint32
	if len(args) > 2 {
		var isMark bool
		if mark, isMark = parseMark(args[2]); !isMark {
			a, err := netip.ParseAddr(args[2])
			if err != nil || a.Is4() != dst.Addr().Is4() {
				return "", answer("Invalid pkt_mark or gateway")
			}
			gw = a
		}
	}
	if len(args) > 3 {
		if mark, ok = parseMark(args[3]); !ok {
			return "", answer("Invalid pkt_mark")
		}
	}
	if err := t.Routes.Add(dst, mark, args[1], gw); err != nil {
		return "", answer("Error while inserting route.")
	}
	return "OK", nil
}

func (t Tables) routeDel(_ context.Context, args []string) (string, error) {
	dst, ok := parsePrefix(args[0])
	if !ok {
		return "", answer("Invalid parameters")
	}
	mark, err := optionalMark(args)
	if err != nil {
		return "", err
	}
	if !t.Routes.Del(dst, mark) {
		return "", answer("Not found")
	}
	return "OK", nil
}

func (t Tables) routeLookup(_ context.Context, args []string) (string, error) {
	dst, ok := parsePrefix(args[0])
	if !ok || !dst.IsSingleIP() {
		return "", answer("Invalid parameters")
	}
	mark, err := optionalMark(args)
	if err != nil {
		return "", err
	}
	r, ok := t.Routes.Lookup(mark, dst.Addr(), netip.Addr{})
	if !ok {
		return "", answer("Not found")
	}
	gw := "::"
	if r.GW.IsValid() {
		gw = r.GW.String()
	}
	return fmt.Sprintf("src %s\ngateway %s\ndev %s\n", r.Src, gw, r.Dev), nil
}

// answer is an error whose text is Open vSwitch's to the letter, capital and full stop
// included.
type answer string

func (a answer) Error() string { return string(a) }

// parsePrefix reads an address with or without a prefix length.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p, err == nil
}

func optionalMark(args []string) (uint32, error) {
	if len(args) < 2 {
		return 0, nil
	}
	mark, ok := parseMark(args[1])
	if !ok {
		return 0, answer("Invalid pkt_mark")
	}
	return mark, nil
}

func parseMark(s string) (uint32, bool) {
	v, ok := strings.CutPrefix(s, "pkt_mark=")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(v, 0, 32)
	return uint32(n), err == nil
}
