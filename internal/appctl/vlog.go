package appctl

import (
	"context"
	"errors"

	"github.com/skua/skua/internal/obs"
	"github.com/skua/skua/internal/unixctl"
)

// registerVlog registers vlog/*.
func registerVlog(s *unixctl.Server, log *obs.Log) {
	s.Register("vlog/list", "", 0, 0, func(context.Context, []string) (string, error) { return log.List(), nil })
	s.Register("vlog/list-pattern", "", 0, 0, func(context.Context, []string) (string, error) {
		return log.ListPatterns(), nil
	})
	s.Register("vlog/set", "{spec | PATTERN:destination:pattern}", 0, -1, func(_ context.Context, args []string) (string, error) {
		if len(args) == 0 {
			args = []string{""} // everything to dbg
		}
		for _, spec := range args {
			if err := log.Set(spec); err != nil {
				return "", err
			}
		}
		return "", nil
	})
	s.Register("vlog/reopen", "", 0, 0, func(context.Context, []string) (string, error) { return "", log.Reopen() })
	s.Register("vlog/close", "", 0, 0, func(context.Context, []string) (string, error) { return "", log.CloseFile() })
	// No module of this daemon limits the rate of its messages, so there is
	// nothing to lift; scripts lift it before they look for a message.
	s.Register("vlog/disable-rate-limit", "[module]...", 0, -1, func(_ context.Context, args []string) (string, error) {
		for _, module := range args {
			if !log.KnownModule(module) {
				return "", errors.New("unknown module")
			}
		}
		return "", nil
	})
}
