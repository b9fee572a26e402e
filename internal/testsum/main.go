// Command testsum reads what `go test -json` prints (or, with -meson, meson's
// testlog.json) on standard input, prints the output of tests that failed and the reasons of those that were skipped, and writes
// the numbers to a file as "passed failed skipped". scripts/test runs it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	counts := flag.String("counts", "", "file that gets \"passed failed skipped\"")
	log := flag.String("log", "", "file that gets every test's output")
	meson := flag.Bool("meson", false, "the input is meson's testlog.json")
	flag.Parse()
	parse := summarise
	if *meson {
		parse = summariseMeson
	}
	if err := run(os.Stdin, os.Stdout, parse, *counts, *log); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(2)
	}
}

// parser turns a test runner's report into a summary and copies the output to log.
type parser func(in io.Reader, log io.Writer) (*summary, error)

func run(in io.Reader, out io.Writer, parse parser, counts, log string) error {
	w := io.Discard
	if log != "" {
		f, err := os.Create(log)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	s, err := parse(in, w)
	if err != nil {
		return err
	}
	s.print(out)
	if counts == "" {
		return nil
	}
	return os.WriteFile(counts, fmt.Appendf(nil, "%d %d %d\n", s.passed, s.failed, s.skipped), 0o644)
}
