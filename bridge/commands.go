package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/skua/skua/ofproto/tnl"
	"github.com/skua/skua/pmd"
)

// RegisterCommands adds the commands of the switch: tnl/*, ovs/route/*, fdb/show
// and fdb/flush with Open vSwitch's texts, and learn/* and pmd/affinity, which only
// this switch has.
func (s *Switch) RegisterCommands(reg tnl.Register) {
	tnl.Tables{Ports: s.Tunnels, Neighbours: s.Neighbours, Routes: s.Routes,
		Devices: s.Kernel.Devices}.RegisterCommands(reg)
	reg("learn/bridge-add", "bridge [port]...", 1, -1, func(_ context.Context, a []string) (string, error) {
		return "", s.AddBridge(a[0], a[1:])
	})
	reg("learn/bridge-del", "bridge [port]...", 1, -1, func(_ context.Context, a []string) (string, error) {
		return "", s.DelBridge(a[0], a[1:])
	})
	reg("learn/show", "[bridge]", 0, 1, func(_ context.Context, a []string) (string, error) {
		return s.Learn.Show(optional(a))
	})
	reg("fdb/show", "bridge", 1, 1, func(_ context.Context, a []string) (string, error) {
		text, err := s.Learn.ShowFDB(a[0])
		if err != nil {
			return "", errors.New("no such bridge")
		}
		return text, nil
	})
	reg("fdb/flush", "[bridge]", 0, 1, func(_ context.Context, a []string) (string, error) {
		if s.Learn.FlushFDB(optional(a)) != nil {
			return "", errors.New("no such bridge")
		}
		return "table successfully flushed", nil
	})
	reg("pmd/affinity", "port [queue:cpu]...", 1, -1, s.affinity)
}

func optional(a []string) string {
	if len(a) == 0 {
		return ""
	}
	return a[0]
}

func (s *Switch) affinity(_ context.Context, a []string) (string, error) {
	pairs := ""
	for _, pair := range a[1:] {
		pairs += pair + ","
	}
	affinity, err := pmd.ParseAffinity(pairs)
	if err != nil {
		return "", fmt.Errorf("affinity of port %q: %w", a[0], err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return "", s.PMD.SetAffinity(a[0], affinity)
}
