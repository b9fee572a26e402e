package appctl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/internal/odp"
)

// filter is dump-flows' filter=: a match in the text of OpenFlow (ovs-fields(7)).
// A flow passes if its key has the filter's values; a field that the flow does not
// compare is zero in its key.
type filter struct{ key, mask dp.Key }

func (f *filter) matches(k *dp.Key) bool {
	m := dp.Mask(f.mask)
	return f.key.Matches(&m, k)
}

// protocols are the shorthands for a type of packets: Ethernet type and IP protocol
// (0: any).
var protocols = map[string]struct {
	ethType uint16
	ipProto uint8
}{
	"eth": {}, "ip": {0x0800, 0}, "ipv6": {0x86dd, 0}, "arp": {0x0806, 0}, "rarp": {0x8035, 0},
	"mpls": {0x8847, 0}, "mplsm": {0x8848, 0}, "icmp": {0x0800, 1}, "tcp": {0x0800, 6}, "udp": {0x0800, 17},
	"sctp": {0x0800, 132}, "icmp6": {0x86dd, 58}, "tcp6": {0x86dd, 6}, "udp6": {0x86dd, 17}, "sctp6": {0x86dd, 132},
}

// filterParser builds a filter from its text.
type filterParser struct {
	f     filter
	names odp.Names
	field string // being read
}

// parseFilter reads field=value[/mask] and shorthands, divided by commas or spaces.
// Errors read as Open vSwitch's: TEXT: what is wrong.
func parseFilter(text string, names odp.Names) (*filter, error) {
	p := &filterParser{names: names}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
		if err := p.word(word); err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
	}
	p.f.key.SetLines()
	return &p.f, nil
}

var errPrerequisite = errors.New("prerequisites not met")

func (p *filterParser) word(word string) error {
	name, value, hasValue := strings.Cut(word, "=")
	if proto, ok := protocols[name]; ok {
		if hasValue {
			return fmt.Errorf("%s takes no value (%s)", name, word)
		}
		p.protocol(proto.ethType, proto.ipProto)
		return nil
	}
	field, ok := filterFields[name]
	if !ok {
		return fmt.Errorf("unknown field %s", name)
	}
	p.field = name
	err := field(p, value)
	switch {
	case errors.Is(err, errPrerequisite):
		return fmt.Errorf("prerequisites not met for setting %s", name)
	case err != nil:
		return fmt.Errorf("bad value for %s (%s: %w)", name, value, err)
	}
	return nil
}

func (p *filterParser) protocol(ethType uint16, ipProto uint8) {
	if ethType != 0 {
		p.f.key.EthType, p.f.mask.EthType = dp.ToBE16(ethType), dp.ToBE16(0xffff)
	}
	if ipProto != 0 {
		p.f.key.IPProto, p.f.mask.IPProto = ipProto, 0xff
	}
}

// The prerequisites of fields: what the filter has to name in front of them.

func (p *filterParser) isEth(types ...uint16) bool {
	for _, t := range types {
		if p.f.mask.EthType == dp.ToBE16(0xffff) && p.f.key.EthType == dp.ToBE16(t) {
			return true
		}
	}
	return false
}

func (p *filterParser) isIP() bool { return p.isEth(0x0800, 0x86dd) }

func (p *filterParser) isProto(protos ...uint8) bool {
	for _, proto := range protos {
		if p.isIP() && p.f.mask.IPProto == 0xff && p.f.key.IPProto == proto {
			return true
		}
	}
	return false
}
