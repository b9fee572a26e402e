package appctl

import (
	"context"
	"fmt"
	"strings"
)

// memoryShow is memory/show: name:value pairs on one line, sorted by name.
// Bytes are those of the data plane; "udpif keys" is the number of flows, as Open
// vSwitch's users know it.
func (c *Commands) memoryShow(context.Context, []string) (string, error) {
	m := c.DP.Memory()
	var parts []string
	for _, p := range []struct {
		name  string
		value uint64
	}{
		{"cache-bytes", m.CacheBytes}, {"flow-bytes", m.FlowBytes}, {"masks", m.Masks},
		{"mbufs", m.MbufsTotal}, {"mbufs-in-use", m.MbufsInUse}, {"ports", uint64(len(c.DP.Ports()))},
		{"prog-bytes", m.ProgBytes}, {"progs", m.Progs}, {"table-bytes", m.TableBytes}, {"udpif keys", m.Flows},
	} {
		parts = append(parts, fmt.Sprintf("%s:%d", p.name, p.value))
	}
	return strings.Join(parts, " ") + "\n", nil
}
