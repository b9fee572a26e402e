package odp

import (
	"github.com/skua/skua/internal/dp"
)

// fragBits are the bits of KeyBase.IPFrag.
const fragBits = dp.FragAny | dp.FragLater

// fragNames are the words for whole values of KeyBase.IPFrag.
var fragNames = map[string]uint8{
	"no":    0,
	"first": dp.FragAny,
	"later": dp.FragAny | dp.FragLater,
}

// parseFrag consumes a fragment word, or value/mask in bits of KeyBase.IPFrag.
func parseFrag(s *scanner, val, mask *uint8) error {
	start := s.pos
	if v, ok := fragNames[s.word()]; ok {
		*val, *mask = v, fragBits
		return nil
	}
	s.pos = start
	v, m, err := s.maskedNumber("frag", 2)
	if err != nil {
		return s.errAt(start, "expected no, first or later")
	}
	*val, *mask = uint8(v), uint8(m)
	return nil
}

// fragText prints a fragment match; values without a word as numbers.
func fragText(val, mask uint8) string {
	val, mask = val&fragBits, mask&fragBits
	if mask == fragBits {
		for name, v := range fragNames {
			if v == val {
				return name
			}
		}
	}
	return hexText(uint64(val)) + "/" + hexText(uint64(mask))
}
