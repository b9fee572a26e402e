package main

import (
	"io"
	"strings"
	"testing"
)

func TestSummarise(t *testing.T) {
	tests := []struct {
		name                    string
		in                      string
		passed, failed, skipped int
		says                    []string
	}{
		{"nothing", "", 0, 0, 0, nil},
		{"pass, fail and skip", `
{"Action":"pass","Package":"a","Test":"TestOne"}
{"Action":"output","Package":"a","Test":"TestTwo","Output":"    x_test.go:3: wrong\n"}
{"Action":"fail","Package":"a","Test":"TestTwo"}
{"Action":"output","Package":"a","Test":"TestThree","Output":"=== RUN   TestThree\n"}
{"Action":"output","Package":"a","Test":"TestThree","Output":"    x_test.go:9: needs root\n"}
{"Action":"skip","Package":"a","Test":"TestThree"}
{"Action":"fail","Package":"a"}`, 1, 1, 1, []string{"failed: a TestTwo", "wrong", "skipped: a TestThree: x_test.go:9: needs root"}},
		{"package fails alone", `
{"Action":"pass","Package":"a","Test":"TestOne"}
{"Action":"output","Package":"a","Output":"panic: odd\n"}
{"Action":"fail","Package":"a"}`, 1, 1, 0, []string{"panic: odd"}},
		{"package without tests", `
{"Action":"skip","Package":"a"}`, 0, 0, 0, nil},
		{"does not build", `
{"ImportPath":"a [a.test]","Action":"build-output","Output":"a.go:1: syntax error\n"}
{"ImportPath":"a [a.test]","Action":"build-fail"}
{"Action":"fail","Package":"a","FailedBuild":"a [a.test]"}`, 0, 1, 0, []string{"syntax error"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := summarise(strings.NewReader(strings.TrimSpace(tt.in)), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if s.passed != tt.passed || s.failed != tt.failed || s.skipped != tt.skipped {
				t.Errorf("%d passed, %d failed, %d skipped", s.passed, s.failed, s.skipped)
			}
			var b strings.Builder
			s.print(&b)
			for _, w := range tt.says {
				if !strings.Contains(b.String(), w) {
					t.Errorf("%q is missing in:\n%s", w, b.String())
				}
			}
		})
	}
}

func TestSummariseMeson(t *testing.T) {
	s, err := summariseMeson(strings.NewReader(`
{"name":"a","result":"OK","stdout":"7 tests, 90 checks, 0 failures\n"}
{"name":"b","result":"OK","stdout":""}
{"name":"c","result":"SKIP","stdout":"no network namespaces here\n"}
{"name":"d","result":"FAIL","stdout":"2 tests, 3 checks, 1 failures\n","stderr":"x.c:3: boo\n"}
{"name":"e","result":"TIMEOUT"}`), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if s.passed != 8 || s.failed != 2 || s.skipped != 1 {
		t.Errorf("%d passed, %d failed, %d skipped", s.passed, s.failed, s.skipped)
	}
	var b strings.Builder
	s.print(&b)
	for _, w := range []string{"no network namespaces here", "x.c:3: boo", "e (TIMEOUT, status 0)"} {
		if !strings.Contains(b.String(), w) {
			t.Errorf("%q is missing in:\n%s", w, b.String())
		}
	}
	if _, err := summariseMeson(strings.NewReader("{"), io.Discard); err == nil {
		t.Error("half a line was taken")
	}
}
