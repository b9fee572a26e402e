package odp

import (
	"strings"

	"github.com/skua/skua/internal/dp"
)

// tunnelAttrs is the attribute of packets that came out of a tunnel.
var tunnelAttrs = []attr{{name: "tunnel", meta: true, parse: parseTunnel}}

// tunnelFields are the plain fields of tunnel(...) for reading, both families'
// addresses among them.
func tunnelFields(k *dp.Key, m *dp.Mask) []field {
	t, tm := &k.Tun, &m.Tun
	return []field{
		{"tun_id", hexTunID, &t.TunID, &tm.TunID, 0},
		{"src", mapped4, &t.Src, &tm.Src, 0},
		{"dst", mapped4, &t.Dst, &tm.Dst, 0},
		{"ipv6_src", ip6, &t.Src, &tm.Src, 0},
		{"ipv6_dst", ip6, &t.Dst, &tm.Dst, 0},
		{"tos", hex, &t.TOS, &tm.TOS, 0},
		{"ttl", dec, &t.TTL, &tm.TTL, 0},
		{"tp_src", dec, &t.TPSrc, &tm.TPSrc, 0},
		{"tp_dst", dec, &t.TPDst, &tm.TPDst, 0},
	}
}

func gbpFields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"id", dec, &k.Tun.GBPID, &m.Tun.GBPID, 0},
		{"flags", hex, &k.Tun.GBPFlags, &m.Tun.GBPFlags, 0},
	}
}

func gpeFields(k *dp.Key, m *dp.Mask) []field {
	return []field{
		{"np", hex, &k.Tun.GPENP, &m.Tun.GPENP, 0},
		{"flags", hex, &k.Tun.GPEFlags, &m.Tun.GPEFlags, 0},
	}
}

// parseTunnel consumes the body of tunnel(...), whose fields may be attributes
// themselves.
func parseTunnel(p *keyParser) error {
	seen := map[string]bool{}
	fields := tunnelFields(&p.k, &p.m)
	err := p.list(func() error {
		start := p.pos
		name := p.word()
		if alias := strings.TrimPrefix(name, "ipv6_"); seen[alias] {
			return p.errAt(start, "%s is given twice", alias)
		} else {
			seen[alias] = true
		}
		switch name {
		case "flags":
			return p.tunnelFlags()
		case "vxlan":
			return p.tunnelVXLAN()
		case "geneve", "erspan", "gtpu":
			return p.errAt(start, "%s(...) in tunnel(...) is not supported", name)
		}
		for i := range fields {
			if fields[i].name == name {
				if err := p.expect("="); err != nil {
					return err
				}
				return fields[i].parse(p.scanner)
			}
		}
		return p.errAt(start, "expected one of %s, vxlan(...), flags(...)", fieldNames(fields))
	})
	if err == nil && seen["tun_id"] { // as Open vSwitch: a tunnel id implies flag key
		p.k.Tun.Flags |= dp.TunKey
		p.m.Tun.Flags |= dp.TunKey
	}
	return err
}

func (p *keyParser) tunnelFlags() error {
	if err := p.expect("("); err != nil {
		return err
	}
	var v, m uint64
	exact := true
	if !p.at(")") {
		var err error
		if v, m, exact, err = tunFlagSet.parse(p.scanner); err != nil {
			return err
		}
	}
	if exact { // says nothing of flag key unless it names it
		m = ones(tunFlagSet.bits)
		if v&dp.TunKey == 0 {
			m &^= dp.TunKey
		}
	}
	p.k.Tun.Flags, p.m.Tun.Flags = uint16(v), uint16(m)
	return p.expect(")")
}

func (p *keyParser) tunnelVXLAN() error {
	if err := p.expect("("); err != nil {
		return err
	}
	return p.list(func() error {
		switch {
		case p.take("gbp("):
			return p.parseFields(gbpFields(&p.k, &p.m))
		case p.take("gpe("):
			return p.parseFields(gpeFields(&p.k, &p.m))
		}
		return p.err("expected gbp(id=...,flags=...)")
	})
}

// tunnel prints tunnel(...) if any of it is matched.
func (p *printer) tunnel() {
	if p.m.Tun == (dp.KeyTun{}) {
		return
	}
	var parts []string
	for _, f := range tunnelFields(p.k, p.m) {
		if p.tunnelShows(&f) {
			parts = append(parts, f.name+"="+f.text())
		}
	}
	if ext := p.tunnelExtensions(); ext != "" {
		parts = append(parts, "vxlan("+ext+")")
	}
	flags, mask := uint64(p.k.Tun.Flags), uint64(p.m.Tun.Flags)
	switch {
	case mask == ones(tunFlagSet.bits) && flags&dp.TunKey != 0:
		parts = append(parts, "flags("+tunFlagSet.exactText(flags)+")")
	case p.Verbose || mask != 0:
		parts = append(parts, "flags("+tunFlagSet.maskedText(flags, mask)+")")
	}
	p.attr("tunnel", strings.Join(parts, ","))
}

// tunnelShows picks the address family and the fields that verbose output shows
// though they are not matched: those that every tunnelled packet has.
func (p *printer) tunnelShows(f *field) bool {
	if f.wild() {
		return p.Verbose && (f.name == "ttl" || f.name == "tun_id" && p.k.Tun.Flags&dp.TunKey != 0)
	}
	ip, isIP := f.val.(*dp.IP6)
	if !isIP {
		return true
	}
	_, _, is4 := unmapped(*ip, *f.mask.(*dp.IP6))
	return is4 == (f.form == mapped4)
}

func (p *printer) tunnelExtensions() string {
	var parts []string
	if fields := gbpFields(p.k, p.m); !allWild(fields) {
		parts = append(parts, "gbp("+fieldsText(fields, p.Verbose)+")")
	}
	if fields := gpeFields(p.k, p.m); !allWild(fields) {
		parts = append(parts, "gpe("+fieldsText(fields, p.Verbose)+")")
	}
	return strings.Join(parts, ",")
}
