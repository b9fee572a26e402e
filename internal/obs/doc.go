// Package obs is how the daemon can be observed: its log. Metrics come here too.
//
// The log has the form, the levels and the controls of Open vSwitch's vlog, which
// ovs-appctl(8) documents under "LOGGING COMMANDS", so that people's tools and
// scripts for it work:
//
//	2026-11-21T12:24:43.532Z|00001|module|LEVEL|message
//
// Code logs through zap loggers that are handed to it. A logger's name is its
// module: [Log.Logger] gives "dpif_netdev" its own levels, and names that
// (*zap.Logger).Named joined with dots become one module ("pmd.link" is
// pmd_link). Each module has a level for each destination (console, syslog, file).
// Fields follow the message as key=value.
package obs
