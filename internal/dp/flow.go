package dp

import (
	"errors"
	"time"
)

// Errors that implementations of [Datapath] wrap.
var (
	ErrExist        = errors.New("already exists")
	ErrNotFound     = errors.New("does not exist")
	ErrInvalid      = errors.New("invalid")
	ErrFull         = errors.New("table full")
	ErrNotSupported = errors.New("not supported")
)

// UFID is a flow's unique id, as ovs-appctl shows it.
type UFID [16]byte

// Flow is a megaflow: packets whose key equals Key in all bits of Mask run Actions.
type Flow struct {
	UFID    UFID // zero: the datapath makes one from key and mask
	Key     Key  // no bit outside of Mask
	Mask    Mask
	Actions Actions
}

// FlowStats are a flow's counters.
type FlowStats struct {
	Packets, Bytes uint64
	Used           time.Time // zero: never
	TCPFlags       uint16
}

// FlowEntry is a flow as the datapath holds it.
type FlowEntry struct {
	Flow
	Stats FlowStats
}

// PutMode says what a put does with a flow that exists.
type PutMode uint8

// Modes of a put.
const (
	PutAny    PutMode = iota // create or modify
	PutCreate                // ErrExist if it exists
	PutModify                // ErrNotFound if it does not
)

// FlowPut asks for a flow. With Narrow, Key is a packet's whole key and the
// datapath may compare more bits than Mask has when its masks are used up.
type FlowPut struct {
	Flow
	Mode      PutMode
	Narrow    bool
	ZeroStats bool
}
