// Package deptest holds the project's import rules as a test: imports run one way,
// and only the programs in cmd know the binding to C. It has tests only.
package deptest
