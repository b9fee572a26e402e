//go:build linux && cgo

package cgo

import (
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// maxFrame is the longest frame that a ring port takes.
const maxFrame = 65535

// RingInject hands whole frames to a port of kind PortRing as if received, in order,
// and returns how many it took; the ring's room ends it early.
func (d *Datapath) RingInject(port dp.PortNo, frames [][]byte) (int, error) {
	op := fmt.Sprintf("inject into port %d", port)
	size := 0
	for i, f := range frames {
		if len(f) == 0 || len(f) > maxFrame {
			return 0, fmt.Errorf("%s: %w", op, invalid("frame %d of %d bytes, expected 1 to %d", i, len(f), maxFrame))
		}
		size += len(f)
	}
	if len(frames) == 0 {
		return 0, nil
	}
	buf := make([]byte, 0, size)
	lens := make([]uint32, len(frames))
	for i, f := range frames {
		buf = append(buf, f...)
		lens[i] = uint32(len(f))
	}
	n := 0
	err := d.write(op, func() int {
		n = rawRingInject(d.fp, rawU16(port), &buf[0], &lens[0], len(lens))
		return n
	})
	return max(n, 0), err
}

// RingCollect takes up to max frames that were sent to a port of kind PortRing, in
// the order in which they were sent.
func (d *Datapath) RingCollect(port dp.PortNo, max int) ([][]byte, error) {
	if max <= 0 {
		return nil, nil
	}
	// In pieces, so that a large max costs no large buffer.
	const piece = 32
	d.collecting.Lock()
	defer d.collecting.Unlock()
	if d.collected == nil {
		d.collected = make([]byte, piece*maxFrame)
	}
	buf := d.collected
	var out [][]byte
	for len(out) < max {
		lens := make([]uint32, min(piece, max-len(out)))
		n := 0
		err := d.write(fmt.Sprintf("collect from port %d", port), func() int {
			n = rawRingCollect(d.fp, rawU16(port), buf, lens)
			return n
		})
		if err != nil {
			return out, err
		}
		at := 0
		for _, l := range lens[:n] {
			out = append(out, append([]byte(nil), buf[at:at+int(l)]...))
			at += int(l)
		}
		if n < len(lens) {
			break
		}
	}
	return out, nil
}
