package learn

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/skua/skua/internal/dp"
	"github.com/skua/skua/ofproto/tnl"
)

// ShowFDB returns a bridge's learned addresses in the form of fdb/show, the ones
// that were seen least recently first. Errors wrap dp.ErrNotFound.
func (h *Handler) ShowFDB(bridge string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	br := h.bridges[bridge]
	if br == nil {
		return "", fmt.Errorf("bridge %q: %w", bridge, dp.ErrNotFound)
	}
	var b strings.Builder
	b.WriteString(" port  VLAN  MAC                Age\n")
	now := h.Now()
	for e := br.macs.root.next; e != &br.macs.root; e = e.next {
		age := max(0, int(now.Sub(e.used)/time.Second))
		fmt.Fprintf(&b, "%5s  %4d  %s  %3d\n", e.port.ofName(), e.vid, tnl.FormatMAC(e.mac), age)
	}
	return b.String(), nil
}

// FlushFDB forgets a bridge's learned addresses, or those of all bridges ("").
// Errors wrap dp.ErrNotFound.
func (h *Handler) FlushFDB(bridge string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if bridge != "" && h.bridges[bridge] == nil {
		return fmt.Errorf("bridge %q: %w", bridge, dp.ErrNotFound)
	}
	for name, br := range h.bridges {
		if bridge == "" || bridge == name {
			br.macs.flush(nil)
		}
	}
	return nil
}

// Show describes one bridge, or all of them (""): ports with their OpenFlow and
// datapath numbers, and how much was learned. Errors wrap dp.ErrNotFound.
func (h *Handler) Show(bridge string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if bridge != "" && h.bridges[bridge] == nil {
		return "", fmt.Errorf("bridge %q: %w", bridge, dp.ErrNotFound)
	}
	var names []string
	for name := range h.bridges {
		if bridge == "" || bridge == name {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		br := h.bridges[name]
		fmt.Fprintf(&b, "%s: %d addresses\n", name, len(br.macs.entries))
		for _, p := range br.ports {
			fmt.Fprintf(&b, "  %s %s/%d", p.Name, p.ofName(), p.No)
			if t := p.Tunnel; t != nil {
				fmt.Fprintf(&b, ": (vxlan: remote_ip=%s, key=%s, dst_port=%d)", addrText(t), keyText(t), t.DstPort)
			}
			b.WriteByte('\n')
		}
	}
	f := h.figures
	fmt.Fprintf(&b, "flows: %d\nupcalls: answered:%d installed:%d put_failed:%d held:%d held_dropped:%d late:%d\n",
		len(h.flows), f.Upcalls, f.Installed, f.PutFailed, f.Held, f.HeldDropped, f.AnswerLost)
	fmt.Fprintf(&b, "revalidator: translated:%d modified:%d deleted:%d neighbour_requests:%d\n",
		f.Revalidated, f.Modified, f.Deleted, f.ARPSent)
	return b.String(), nil
}

func addrText(t *tnl.Port) string {
	if t.RemoteFlow {
		return "flow"
	}
	return t.Remote.String()
}

func keyText(t *tnl.Port) string {
	if t.KeyFlow {
		return "flow"
	}
	return fmt.Sprint(t.Key)
}
