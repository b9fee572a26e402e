package lab

import (
	"testing"
)

// arrivals gives each end the probes of the other end of its segment.
func arrivals(t *testing.T) ([]*point, map[*point][]frame) {
	t.Helper()
	var points []*point
	for _, s := range Segments() {
		points = append(points, &point{seg: s, end: s.A}, &point{seg: s, end: s.B})
	}
	seen := map[*point][]frame{}
	for i, p := range points {
		fs, err := probes("run", p.name(), p.end, other(p.seg, p.end))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fs {
			seen[points[i^1]] = append(seen[points[i^1]], frame{Data: f})
		}
	}
	return points, seen
}

func TestCrossed(t *testing.T) {
	points, seen := arrivals(t)
	if m, c := missingIn(points, seen, "run"), crossed(points, seen, "run"); m != nil || c != nil {
		t.Fatalf("all as it should be, reported: %v %v", m, c)
	}
	if m := missingIn(points, seen, "other run"); len(m) != len(points)*len(probeKinds) {
		t.Errorf("another run's probes: %d of %d missing", len(m), len(points)*len(probeKinds))
	}
	for kind := range probeKinds {
		at, from := points[2], points[1] // blue hears red
		stray := seen[points[0]][kind]
		c := crossed(points, map[*point][]frame{at: {stray}}, "run")
		if len(c) != 1 {
			t.Errorf("%s of %s at %s: reported %v", probeKinds[kind], from.name(), at.name(), c)
		}
	}
	seen[points[3]] = seen[points[3]][1:]
	if m := missingIn(points, seen, "run"); len(m) != 1 {
		t.Errorf("one probe lost, reported %v", m)
	}
}

func TestWrongVNI(t *testing.T) {
	points, _ := arrivals(t)
	red := points[0]
	inner, err := probes("run", red.name(), red.end, other(red.seg, red.end))
	if err != nil {
		t.Fatal(err)
	}
	for vni, bad := range map[uint32]int{1111: 0, 2222: 1} {
		if got := wrongVNI(points, []frame{{Data: outer(t, vni, inner[1])}}, "run"); len(got) != bad {
			t.Errorf("VNI %d: %v", vni, got)
		}
	}
	if got := wrongVNI(points, []frame{{Data: inner[1]}}, "run"); len(got) != 1 {
		t.Errorf("bare on the wire: %v", got)
	}
}
