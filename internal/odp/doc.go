// Package odp reads and prints Open vSwitch's datapath flow text, the language of
// ovs-appctl dpctl/add-flow, mod-flow, get-flow and dump-flows: keys and masks
// ("recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(frag=no)"), actions
// ("push_vlan(vid=5,pcp=0),2"), unique flow ids and whole dump lines.
//
// The form is that of Open vSwitch 3.1 with its userspace datapath; testdata
// holds what that daemon printed and a test compares again where it is installed.
// README.md lists where this package takes or says more.
//
// The package has no state; its functions are safe for concurrent use.
package odp
