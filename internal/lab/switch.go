package lab

import (
	"context"
	"fmt"
)

// theSwitch is what stands between the hosts.
type theSwitch interface {
	// start starts it in its namespace and returns what it says of itself.
	start(context.Context) (string, error)
	// connect gives it its ports, tunnels and bridges.
	connect(context.Context) (string, error)
	// stop ends it in order and says what it left behind.
	stop(context.Context) (string, error)
	// kill ends it at once; for a run that was interrupted. Any number of times.
	kill()
	// hints are commands to try on a switch that was left running.
	hints() []string
}

// localAddrs gives the underlay bridge's own interface the tunnel's local addresses.
func (l *lab) localAddrs(ctx context.Context) error {
	return l.sh.each(ctx, l.topo.expand(
		fmt.Sprintf("ip -n @sw addr add %s/24 dev %s", local4, portLocal),
		fmt.Sprintf("ip -n @sw addr add %s/64 dev %s nodad", local6, portLocal),
		fmt.Sprintf("ip -n @sw link set %s up", portLocal),
	)...)
}

// kernelSwitch is the kernel's bridge with its vxlan device: it shows that hosts,
// traffic and checks are right where the switch is known to be.
type kernelSwitch struct{ l *lab }

func (k kernelSwitch) start(ctx context.Context) (string, error) {
	out, err := k.l.sh.run(ctx, "uname", "-r")
	if err != nil {
		return "", err
	}
	return "kernel bridge and vxlan, Linux " + lastLines(out, 1), nil
}

func (k kernelSwitch) connect(ctx context.Context) (string, error) {
	t := k.l.topo
	err := k.l.sh.each(ctx, t.expand(
		"ip -n @sw link add "+portLocal+" type bridge",
		"ip -n @sw link set "+portWire+" master "+portLocal,
		// Of the stand-in alone: without a NIC behind it that would fill checksums in,
		// the kernel must do so before the frames are on the wire that tshark reads.
		"ip netns exec @sw ethtool -K "+portWire+" tx off",
	)...)
	if err == nil {
		err = k.l.localAddrs(ctx)
	}
	for _, s := range Segments() {
		if err != nil {
			return "", err
		}
		local, remote := local4, remote4
		if s.IPv6 {
			local, remote = local6, remote6
		}
		err = k.l.sh.each(ctx, t.expand(
			"ip -n @sw link add br-"+s.Name+" type bridge",
			fmt.Sprintf("ip -n @sw link add %s type vxlan id %d dstport %d remote %s local %s dev %s",
				s.Tnl, s.VNI, vxlanPort, remote, local, portLocal),
			fmt.Sprintf("ip -n @sw link set %s master br-%s up", s.Tnl, s.Name),
			fmt.Sprintf("ip -n @sw link set %s master br-%s", s.Port, s.Name),
			"ip -n @sw link set br-"+s.Name+" up",
		)...)
	}
	return fmt.Sprintf("%d bridges", len(Segments())+1), err
}

func (k kernelSwitch) stop(ctx context.Context) (string, error) {
	var cmds []string
	for _, s := range Segments() {
		cmds = append(cmds, "ip -n @sw link del "+s.Tnl, "ip -n @sw link del br-"+s.Name)
	}
	return "links removed", k.l.sh.each(ctx, k.l.topo.expand(append(cmds, "ip -n @sw link del "+portLocal)...)...)
}

func (k kernelSwitch) kill() {}

func (k kernelSwitch) hints() []string {
	return []string{quote(k.l.topo.in(hostSW, "bridge", "fdb", "show"))}
}
