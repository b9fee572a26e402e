package pmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/skua/skua/internal/dp"
)

// FollowLinks watches the kernel's interfaces in a network namespace (netns.None():
// the calling thread's) until ctx ends, see [Manager.LinkGone] and
// [Manager.LinkThere]. When netlink loses messages it looks at every port anew.
func (m *Manager) FollowLinks(ctx context.Context, ns netns.NsHandle) {
	for ctx.Err() == nil {
		if err := m.followLinks(ctx, ns); err != nil {
			m.log.Warn("following the kernel's interfaces was interrupted; reading them anew", zap.Error(err))
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

func (m *Manager) followLinks(ctx context.Context, ns netns.NsHandle) error {
	done := make(chan struct{})
	defer close(done)
	opt := netlink.LinkSubscribeOptions{ListExisting: true,
		ErrorCallback: func(err error) { m.log.Debug("netlink", zap.Error(err)) }}
	if ns.IsOpen() {
		opt.Namespace = &ns
	}
	ch := make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribeWithOptions(ch, done, opt); err != nil {
		return fmt.Errorf("subscribe to links: %w", err)
	}
	defer func() {
		go func() {
			for range ch { // the subscription ends once what it sends is taken
			}
		}()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case u, ok := <-ch:
			if !ok {
				return errors.New("netlink subscription ended")
			}
			a := u.Link.Attrs()
			if u.Header.Type == unix.RTM_DELLINK {
				m.LinkGone(a.Name, a.Index)
			} else {
				m.LinkThere(a.Name, a.Index)
			}
		}
	}
}

// LinkGone tells the manager that a kernel interface has disappeared (or left the
// namespace). The port that stood on it leaves the datapath and is remembered.
func (m *Manager) LinkGone(name string, ifindex int) {
	m.mu.Lock()
	p := m.ports[name]
	if p == nil || !p.Present || p.Type != TypeSystem || (p.IfIndex != 0 && p.IfIndex != ifindex) {
		m.mu.Unlock()
		return
	}
	m.lose(p)
	copied := *p
	m.mu.Unlock()
	if m.events.Lost != nil {
		m.events.Lost(copied)
	}
}

// lose removes a port whose interface is gone; the caller holds the lock.
func (m *Manager) lose(p *Port) {
	m.log.Warn("interface has disappeared; its port waits for it to come back",
		zap.String("port", p.Name), zap.Uint16("port_no", uint16(p.No)))
	if err := m.close(p); err != nil {
		m.log.Error("port of an interface that has disappeared could not be removed",
			zap.String("port", p.Name), zap.Error(err))
	}
	p.Present = false
}

// LinkThere tells the manager that a kernel interface exists. A port that waited
// for it is opened under its old number; a port whose interface was replaced by
// another one of its name is opened anew.
func (m *Manager) LinkThere(name string, ifindex int) {
	m.mu.Lock()
	p := m.ports[name]
	if p == nil || p.Type != TypeSystem || (p.Present && (p.IfIndex == 0 || p.IfIndex == ifindex)) {
		m.mu.Unlock()
		return
	}
	if p.Present {
		m.lose(p)
	}
	err := m.reopen(p)
	copied := *p
	m.mu.Unlock()
	if err != nil {
		m.log.Warn("interface is back, but its port could not be opened",
			zap.String("port", name), zap.Error(err))
		return
	}
	m.log.Info("interface is back", zap.String("port", name), zap.Uint16("port_no", uint16(copied.No)))
	if m.events.Returned != nil {
		m.events.Returned(copied)
	}
}

// reopen opens a port that was away; it stays away on failure. The caller holds
// the lock.
func (m *Manager) reopen(p *Port) error {
	c := p.Config
	asked := c.No
	c.No = p.No
	fresh, err := m.open(c)
	if err != nil && errors.Is(err, dp.ErrExist) { // its number was given away
		c.No = dp.NoPort
		fresh, err = m.open(c)
	}
	if err != nil {
		m.ports[p.Name] = p
		return err
	}
	fresh.Config.No = asked
	*p = *fresh
	m.ports[p.Name] = p
	return nil
}
