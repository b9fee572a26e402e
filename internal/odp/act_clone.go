package odp

import "github.com/skua/skua/internal/dp"

// maxNesting is how deep the data plane takes clones within clones.
const maxNesting = 4

// parseClone consumes "(action,...)" behind clone. "clone()" and "clone(drop)" have
// an empty list, as a whole text "drop" has.
func parseClone(s *scanner, n Names) (dp.Action, error) {
	if s.depth == maxNesting {
		return nil, s.err("clone(...) is nested more than %d deep", maxNesting)
	}
	if err := s.expect("("); err != nil {
		return nil, err
	}
	s.depth++
	list, err := s.actions(n, ")")
	if err != nil {
		return nil, err
	}
	s.depth--
	return dp.Clone{Actions: list}, s.expect(")")
}

func (f Format) clone(a dp.Clone) string { return "clone(" + FormatActions(a.Actions, f) + ")" }
