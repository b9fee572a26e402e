package traffic

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// WritePcap writes one packet of each of the plan's first n flows into a new pcap
// file, in an order that is shuffled but the same on every call: neighbours in the
// file are not neighbours in a table that was filled flow by flow.
func (p Plan) WritePcap(path string, n int, encapsulated bool) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("traffic file: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("traffic file: %w", cerr)
		}
	}()
	buf := bufio.NewWriterSize(f, 1<<16)
	w := pcapgo.NewWriter(buf)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		return fmt.Errorf("traffic file %s: %w", path, err)
	}
	for _, i := range Order(n) {
		flow := p.Flow(i)
		build := flow.Frame
		if encapsulated {
			build = flow.Encapsulated
		}
		frame, err := build()
		if err != nil {
			return err
		}
		ci := gopacket.CaptureInfo{Timestamp: time.Unix(0, 0), CaptureLength: len(frame), Length: len(frame)}
		if err := w.WritePacket(ci, frame); err != nil {
			return fmt.Errorf("traffic file %s: %w", path, err)
		}
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("traffic file %s: %w", path, err)
	}
	return nil
}

// Order returns the flows 0 to n-1 in the order of the traffic.
func Order(n int) []int {
	return rand.New(rand.NewPCG(1, 2)).Perm(n)
}
