package odp

import "fmt"

// SyntaxError says which part of a flow text was refused and why. Nothing of the
// text took effect.
type SyntaxError struct {
	Text   string // the whole text
	Token  string // the part that was refused, "" at the end of the text
	Reason string // what was expected instead
	Offset int    // where Token starts, in bytes from the start of Text
}

// Error names token, offset and reason.
func (e *SyntaxError) Error() string {
	if e.Token == "" {
		return fmt.Sprintf("syntax error at end of text (offset %d): %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("syntax error at %q (offset %d): %s", e.Token, e.Offset, e.Reason)
}
