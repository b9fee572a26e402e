package peers

import (
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// unixctlCall runs a command on the control socket of a running Open vSwitch
// daemon: what ovs-appctl does (JSON-RPC 1.0 over a stream socket), without the
// time that starting ovs-appctl takes, which would blur when a counter was read.
func unixctlCall(socket string, timeout time.Duration, method string, args ...string) (string, error) {
	conn, err := net.DialTimeout("unix", socket, timeout)
	if err != nil {
		return "", fmt.Errorf("%s: %w", method, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return "", fmt.Errorf("%s: %w", method, err)
	}
	if args == nil {
		args = []string{}
	}
	request := struct {
		ID     int      `json:"id"`
		Method string   `json:"method"`
		Params []string `json:"params"`
	}{0, method, args}
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return "", fmt.Errorf("%s: %w", method, err)
	}
	var reply struct {
		Result *string `json:"result"`
		Error  any     `json:"error"`
	}
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return "", fmt.Errorf("%s: %w", method, err)
	}
	if reply.Error != nil || reply.Result == nil {
		return "", fmt.Errorf("%s %v: the daemon refused: %v", method, args, reply.Error)
	}
	return *reply.Result, nil
}
