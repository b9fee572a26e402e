// Package unixctl is the server side of ovs-appctl: JSON-RPC 1.0 over a unix
// stream socket, on which people and scripts run commands in the daemon.
//
// # Protocol
//
// A client sends objects {"method": string, "params": [string...], "id": any but
// null}, back to back without framing, and gets for each one, in order,
// {"id", "result": string, "error": null} or {"id", "error": string}. Texts end
// with a newline. What is no such request ends the connection with a line in the
// log; the other connections go on. This is what ovs-appctl(8) speaks and how the
// daemons of Open vSwitch answer it; the texts of the server's own errors are the
// same too, since scripts compare them.
//
// # Bounds
//
// A request is at most 1 MiB, a reply must be taken by the client within 30 s, and
// at most 256 connections stand at once: one more closes the one that has been
// idle for the longest. Commands run one at a time over all connections, so
// handlers need not expect each other; reading and replying is done outside of
// that, hence a client that hangs holds nobody up.
//
// # Why not a JSON-RPC library
//
// The JSON-RPC packages for Go (net/rpc/jsonrpc, and the jsonrpc2 ones, which
// speak version 2.0) own the loop that reads requests: none lets the caller bound
// a request's size, choose the text for an unknown method, or count arguments
// before the call. What remains of the protocol without those is encoding/json's
// streaming Decoder, which finds the end of each object in an unframed stream.
package unixctl
