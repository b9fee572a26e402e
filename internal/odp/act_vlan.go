package odp

import (
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// parsePushVLAN consumes "([tpid=0x...,]vid=...,pcp=...[,cfi=1])"; the tag's type is
// 0x8100 unless named.
func parsePushVLAN(s *scanner, _ Names) (dp.Action, error) {
	start := s.pos
	if err := s.expect("("); err != nil {
		return nil, err
	}
	var tpid, tpidMask uint16
	t := tagOf(dp.VLANCFI, dp.VLANCFI)
	fields := append(t.fields(), field{"tpid", hex, &tpid, &tpidMask, 0})
	if err := s.parseFields(fields); err != nil {
		return nil, err
	}
	tci, mask := t.tci()
	switch {
	case t.vidMask == 0:
		return nil, s.errAt(start, "push_vlan(...) needs vid=")
	case t.pcpMask == 0:
		return nil, s.errAt(start, "push_vlan(...) needs pcp=")
	case mask != 0xffff || tpidMask != 0 && tpidMask != 0xffff:
		return nil, s.errAt(start, "push_vlan(...) takes no masks")
	case t.present == 0:
		return nil, s.errAt(start, "cfi=0 is not supported: the bit says that a tag is there")
	case tpidMask == 0:
		tpid = etherVLAN
	}
	return dp.PushVLAN{TPID: tpid, TCI: tci}, nil
}

func pushVLANText(a dp.PushVLAN) string {
	tpid := ""
	if a.TPID != etherVLAN {
		tpid = fmt.Sprintf("tpid=0x%04x,", a.TPID)
	}
	return fmt.Sprintf("push_vlan(%svid=%d,pcp=%d)", tpid, a.TCI&0xfff, a.TCI>>13)
}
