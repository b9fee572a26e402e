package obs

import (
	"errors"
	"fmt"
	"strings"
)

// List returns the text of vlog/list: each module's levels.
func (l *Log) List() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	b.WriteString("                 console    syslog    file\n")
	b.WriteString("                 -------    ------    ------\n")
	for _, name := range l.moduleNames() {
		lv := l.modules[name]
		fmt.Fprintf(&b, "%-16s  %4s       %4s       %4s\n", name, lv[Console], lv[Syslog], lv[File])
	}
	return b.String()
}

// ListPatterns returns the text of vlog/list-pattern: each destination's pattern.
func (l *Log) ListPatterns() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	b.WriteString("         prefix                            format\n")
	b.WriteString("         ------                            ------\n")
	for _, d := range []Destination{Syslog, Console, File} {
		prefix := "none"
		if d == Syslog {
			prefix = "<%B> %D{%h %e %T} %A:"
		}
		fmt.Fprintf(&b, "%-7s  %-32s  %s\n", strings.ToUpper(d.String()), prefix, l.patterns[d])
	}
	return b.String()
}

// KnownModule reports whether a module has registered; ANY is known.
func (l *Log) KnownModule(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.modules[strings.ToLower(name)]
	return ok || strings.EqualFold(name, "any")
}

// Set does what one argument of vlog/set or -v asks: a list of a module, a
// destination and a level in any order and divided by spaces, commas or colons, where
// what is missing means any and dbg; or PATTERN:destination:pattern; or
// FACILITY:name. An error changes nothing; its text is Open vSwitch's.
func (l *Log) Set(spec string) error {
	word, rest, _ := strings.Cut(spec, ":")
	switch strings.ToUpper(word) {
	case "PATTERN":
		return l.setPattern(rest)
	case "FACILITY":
		return l.setFacility(rest)
	}
	change, err := l.parse(spec)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if change.module != "" {
		change.apply(l.module(change.module))
		return nil
	}
	change.apply(&l.initial)
	for _, lv := range l.modules {
		change.apply(lv)
	}
	return nil
}

// change is what a specification of levels asks for.
type change struct {
	module      string // "": any
	destination Destination
	all         bool // destinations
	level       Level
}

func (c *change) apply(lv *levels) {
	for d := range lv {
		if c.all || Destination(d) == c.destination {
			lv[d] = c.level
		}
	}
}

func (l *Log) parse(spec string) (*change, error) {
	c := &change{all: true, level: Dbg}
	var haveModule, haveDestination, haveLevel bool
	for _, word := range strings.FieldsFunc(spec, func(r rune) bool { return strings.ContainsRune(" ,:", r) }) {
		if strings.EqualFold(word, "any") {
			continue
		}
		if level, ok := ParseLevel(word); ok {
			if haveLevel {
				return nil, errors.New("cannot specify multiple levels")
			}
			c.level, haveLevel = level, true
		} else if d, ok := parseDestination(word); ok {
			if haveDestination {
				return nil, errors.New("cannot specify multiple destinations")
			}
			c.destination, c.all, haveDestination = d, false, true
		} else if l.KnownModule(word) {
			if haveModule {
				return nil, errors.New("cannot specify multiple modules")
			}
			c.module, haveModule = strings.ToLower(word), true
		} else {
			return nil, fmt.Errorf("no destination, level, or module \"%s\"", word)
		}
	}
	return c, nil
}

func (l *Log) setPattern(spec string) error {
	where, pattern, _ := strings.Cut(spec, ":")
	if where == "" {
		return errors.New("missing destination")
	}
	d, ok := parseDestination(where)
	everywhere := strings.EqualFold(where, "any")
	if !ok && !everywhere {
		return fmt.Errorf("unknown destination \"%s\"", where)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.patterns {
		if everywhere || Destination(i) == d {
			l.patterns[i] = pattern
		}
	}
	return nil
}

func (l *Log) setFacility(name string) error {
	f, ok := facilities[name]
	if !ok {
		return errors.New("invalid facility")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facility = f
	return nil
}
