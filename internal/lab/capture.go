package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"golang.org/x/sys/unix"
)

// frame is a captured Ethernet frame.
type frame struct {
	At       time.Time
	Data     []byte
	Outgoing bool // sent by the interface's own host
	Unfilled bool // its checksum is left to the next device (TP_STATUS_CSUMNOTREADY)
}

// maxFrames bounds a capture's memory.
const maxFrames = 200_000

// capture collects an interface's frames by a packet socket (packet(7)). It is
// listening when openCapture returns: nothing that is sent later is missed.
type capture struct {
	name string
	file *os.File
	done chan struct{}

	mu      sync.Mutex
	frames  []frame
	dropped int
	err     error
}

// openCapture starts to capture what passes dev of a namespace. keep, if not nil,
// says which frames to keep; it gets the frame before it is copied.
func openCapture(ns, dev string, keep func(*frame) bool) (*capture, error) {
	c := &capture{name: ns + "/" + dev, done: make(chan struct{})}
	err := within(ns, func() error {
		ifi, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("packet socket: %w", err)
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20)
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
		if err == nil {
			// The protocol is given here and not to socket(2), which would deliver
			// frames of every interface until the bind.
			err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifi.Index})
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("packet socket: %w", err)
		}
		c.file = os.NewFile(uintptr(fd), "packet:"+c.name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("capture on %s: %w", c.name, err)
	}
	go c.read(keep)
	return c, nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func (c *capture) read(keep func(*frame) bool) {
	defer close(c.done)
	raw, err := c.file.SyscallConn()
	if err != nil {
		c.fail(err)
		return
	}
	buf, oob := make([]byte, 128<<10), make([]byte, 256)
	for {
		var f frame
		var n int
		var rerr error
		err := raw.Read(func(fd uintptr) bool {
			var noob int
			var from unix.Sockaddr
			n, noob, _, from, rerr = unix.Recvmsg(int(fd), buf, oob, 0)
			if rerr == unix.EAGAIN {
				return false
			}
			if ll, ok := from.(*unix.SockaddrLinklayer); ok {
				f.Outgoing = ll.Pkttype == unix.PACKET_OUTGOING
			}
			f.Unfilled = rerr == nil && unfilled(oob[:noob])
			return true
		})
		if err == nil {
			err = rerr
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			if !errors.Is(err, os.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
				c.fail(err)
			}
			return
		}
		f.At, f.Data = time.Now(), buf[:n]
		if keep != nil && !keep(&f) {
			continue
		}
		c.mu.Lock()
		if len(c.frames) < maxFrames {
			f.Data = append([]byte(nil), f.Data...)
			c.frames = append(c.frames, f)
		} else {
			c.dropped++
		}
		c.mu.Unlock()
	}
}

func (c *capture) fail(err error) {
	c.mu.Lock()
	c.err = fmt.Errorf("capture on %s: %w", c.name, err)
	c.mu.Unlock()
}

// unfilled reads struct tpacket_auxdata: its first word holds the status.
func unfilled(oob []byte) bool {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data)&unix.TP_STATUS_CSUMNOTREADY != 0
		}
	}
	return false
}

// snapshot returns the frames that were captured so far.
func (c *capture) snapshot() []frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames[:len(c.frames):len(c.frames)]
}

// stop ends the capture and returns its frames. An error says that some are missing.
func (c *capture) stop() ([]frame, error) {
	_ = c.file.SetReadDeadline(time.Now())
	<-c.done
	raw, err := c.file.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) {
			if st, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
				c.dropped += int(st.Drops)
			}
		})
	}
	c.file.Close()
	if c.err == nil && c.dropped > 0 {
		c.err = fmt.Errorf("capture on %s: %d frames did not fit", c.name, c.dropped)
	}
	return c.frames, c.err
}

// writePcap writes frames to a pcap file for tshark.
func writePcap(file string, frames []frame) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := pcapgo.NewWriter(f)
	err = w.WriteFileHeader(256<<10, layers.LinkTypeEthernet)
	for _, fr := range frames {
		if err != nil {
			break
		}
		err = w.WritePacket(gopacket.CaptureInfo{
			Timestamp: fr.At, CaptureLength: len(fr.Data), Length: len(fr.Data),
		}, fr.Data)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// inject sends raw frames from dev of a namespace.
func inject(ns, dev string, frames ...[]byte) error {
	err := within(ns, func() error {
		ifi, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		to := &unix.SockaddrLinklayer{Ifindex: ifi.Index}
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, to); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("send from %s/%s: %w", ns, dev, err)
	}
	return nil
}
