package unixctl

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// appctl runs Open vSwitch's own ovs-appctl against the server.
func appctl(t *testing.T, s *Server, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := exec.LookPath("ovs-appctl")
	if err != nil {
		t.Skip("ovs-appctl is not installed (Debian package openvswitch-switch)")
	}
	var out, errOut bytes.Buffer
	cmd := exec.Command(path, append([]string{"-T", "10", "-t", s.Path()}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errOut, append(os.Environ(), "LC_ALL=C")
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

func TestAppctl(t *testing.T) {
	s := serve(t)
	returned := "ovs-appctl: " + s.Path() + ": server returned an error\n"
	for _, tc := range []struct {
		args        []string
		out, errOut string
		code        int
	}{
		{[]string{"version"}, "skua test 1\n", "", 0},
		{[]string{"test/empty"}, "", "", 0},
		{[]string{"test/echo", "é <&> \"\\", "b"}, "é <&> \"\\ b\n", "", 0},
		{[]string{"version", "x"}, "", "\"version\" command takes at most 0 arguments\n" + returned, 2},
		{[]string{"test/echo"}, "", "\"test/echo\" command requires at least 1 arguments\n" + returned, 2},
		{[]string{"nosuch"}, "", "\"nosuch\" is not a valid command (use \"list-commands\" to see a list of valid commands)\n" + returned, 2},
		{[]string{"test/fail", "x\n"}, "", "x\nit went wrong\n" + returned, 2},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			out, errOut, code := appctl(t, s, tc.args...)
			if out != tc.out || errOut != tc.errOut || code != tc.code {
				t.Errorf("got %q, %q, code %d, want %q, %q, code %d", out, errOut, code, tc.out, tc.errOut, tc.code)
			}
		})
	}
}

func TestAppctlTakesWhatCommandsPrint(t *testing.T) {
	s := serve(t)
	out, errOut, code := appctl(t, s, "test/echo", "a\xffb")
	if code != 0 || out != "a\ufffdb\n" {
		t.Errorf("got %q, %q, code %d", out, errOut, code)
	}
}
