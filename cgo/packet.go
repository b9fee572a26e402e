//go:build linux && cgo

package cgo

import (
	"fmt"

	"github.com/skua/skua/internal/dp"
)

// PacketOut sends packets that Go made, in order: actions run on them or, with
// Classify, they are looked up as if they had been received.
func (d *Datapath) PacketOut(packets []dp.PacketOut) []error {
	errs := make([]error, len(packets))
	d.mu.Lock()
	defer d.mu.Unlock()
	buf := d.act[:0]
	raw := make([]rawPacketOut, 0, len(packets))
	places := make([]int, 0, len(packets))
	for i := range packets {
		p := &packets[i]
		var r rawPacketOut
		var err error
		if r, buf, err = stagePacket(buf, p); err != nil {
			errs[i] = fmt.Errorf("packet out: %w", err)
			continue
		}
		raw = append(raw, r)
		places = append(places, i)
	}
	d.act = buf
	rc := 0
	if d.fp != nil && len(raw) > 0 {
		rc = rawPacketOutN(d.fp, raw, buf)
	}
	for j, i := range places {
		switch {
		case d.fp == nil:
			errs[i] = fmt.Errorf("packet out: %w", ErrClosed)
		case rc < 0:
			errs[i] = fail("packet out", rc, nil)
		case raw[j].rc < 0:
			errs[i] = fail("packet out", int(raw[j].rc), nil)
		}
	}
	return errs
}

// stagePacket appends a packet's actions and bytes to buf. An empty action list means
// "classify" to C, so that of a packet that is to be dropped says so.
func stagePacket(buf []byte, p *dp.PacketOut) (rawPacketOut, []byte, error) {
	var r rawPacketOut
	if len(p.Packet) == 0 || len(p.Packet) > maxFrame {
		return r, buf, invalid("packet of %d bytes, expected 1 to %d", len(p.Packet), maxFrame)
	}
	if p.Classify && len(p.Actions) > 0 {
		return r, buf, invalid("a packet that is classified takes no actions of its own")
	}
	from := len(buf)
	if !p.Classify {
		actions := p.Actions
		if len(actions) == 0 {
			actions = dropActions
		}
		var err error
		if buf, err = appendActions(buf, actions); err != nil {
			return r, buf, err
		}
	}
	r.in_port, r.recirc_id = rawU16(p.InPort), rawU32(p.RecircID)
	r.act_ofs, r.act_len = rawU32(from), rawU32(len(buf)-from)
	r.data_ofs, r.data_len = rawU32(len(buf)), rawU32(len(p.Packet))
	buf = append(buf, p.Packet...)
	for len(buf)%4 != 0 { // the next actions are aligned
		buf = append(buf, 0)
	}
	return r, buf, nil
}

var dropActions = dp.Actions{dp.Drop{}}
