// Package appctl holds the commands that ovs-appctl runs in the daemon: dpctl/*,
// dpif-netdev/*, coverage/*, memory/show, vlog/*, version and exit, and beside
// them what only Skua has, under skua/ and dpif-netdev/drops-show.
//
// Texts, arguments, options and error texts are those of ovs-vswitchd 3.1
// (ovs-appctl(8), ovs-dpctl(8)). Where Skua knows more than Open vSwitch's text
// says, a line of its own follows. Deliberate differences: options do not count as
// arguments, the datapath may be named without its type, what Open vSwitch ignores
// in silence (a word that means nothing, a -pmd that is no number) is an error, and
// filter= takes masks.
//
// The commands see the data plane through dp.Datapath alone. Its counters are
// never reset: pmd-stats-clear remembers what they were ([baselines]).
package appctl
