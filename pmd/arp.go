package pmd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// arpConf is where the kernel keeps its IPv4 settings of an interface, in the
// network namespace of the calling thread.
const arpConf = "/proc/sys/net/ipv4/conf"

// QuietARP keeps the kernel from answering ARP requests on an interface for
// addresses that stand on other interfaces (ip-sysctl(7): arp_ignore=1). A packet socket leaves the
// kernel its copy of every packet: without this, a host that asks for the address
// of a bridge's LOCAL port gets two answers, one with the address of the interface
// below the bridge, and sends to the wrong one. IPv6 needs nothing of the kind. The
// returned function puts back what was there.
func QuietARP(ifname string) (restore func() error, err error) {
	return quietARP(arpConf, ifname)
}

func quietARP(conf, ifname string) (func() error, error) {
	none := func() error { return nil }
	path := filepath.Join(conf, ifname, "arp_ignore")
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) { // no IPv4 here
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("arp_ignore of %s: %w", ifname, err)
	}
	if !bytes.Equal(bytes.TrimSpace(old), []byte("0")) { // somebody has decided already
		return none, nil
	}
	if err := os.WriteFile(path, []byte("1"), 0o644); err != nil {
		return none, fmt.Errorf("arp_ignore of %s: %w", ifname, err)
	}
	return func() error {
		err := os.WriteFile(path, old, 0o644)
		if errors.Is(err, fs.ErrNotExist) { // the interface is gone
			return nil
		}
		return err
	}, nil
}
