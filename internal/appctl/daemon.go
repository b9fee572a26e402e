package appctl

import (
	"context"
	"fmt"

	"github.com/skua/skua/internal/unixctl"
)

func (c *Commands) registerDaemon(s *unixctl.Server) {
	s.Register("version", "", 0, 0, func(context.Context, []string) (string, error) { return c.Version, nil })
	if c.Exit != nil {
		s.Register("exit", "[--cleanup]", 0, 1, c.exit)
	}
}

func (c *Commands) exit(ctx context.Context, args []string) (string, error) {
	cleanup := len(args) == 1
	if cleanup && args[0] != "--cleanup" {
		return "", fmt.Errorf("%q is not --cleanup", args[0])
	}
	if err := c.Exit(ctx, cleanup); err != nil && ctx.Err() == nil {
		return "", fmt.Errorf("exit: %w", err)
	}
	return "", nil
}
