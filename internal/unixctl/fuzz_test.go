package unixctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// FuzzReader feeds bytes of a client to the request reader, in two chunkings, which
// must agree, and checks that replies to what it takes are JSON that ovs-appctl takes.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{"method":"version","params":[],"id":0}`,
		`{"method":"a","params":["b\u0000",1,null],"id":"x"}{"id":1,"params":[],"method":"c"}`,
		`{"method":"a","params":["\ud800"],"id":[{}]}`,
		`{"result":1,"id":2}`, `[`, `{"method":`, "\xff", `null`, ` `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := drain(t, bytes.NewReader(data))
		bytewise := drain(t, iotest.OneByteReader(bytes.NewReader(data)))
		if whole != bytewise {
			t.Errorf("as a whole:\n%s\nbyte by byte:\n%s", whole, bytewise)
		}
	})
}

// drain reads all requests and returns a text of them.
func drain(t *testing.T, r io.Reader) string {
	var b strings.Builder
	rd := newReader(r)
	for {
		req, err := rd.next()
		if err != nil {
			if req != nil {
				t.Error("a request beside an error")
			}
			return b.String()
		}
		b.WriteString(req.method + "\n" + strings.Join(req.params, "\n") + "\n")
		for _, replyErr := range []error{nil, errors.New(req.method)} {
			checkReply(t, req, replyErr)
		}
	}
}

func checkReply(t *testing.T, req *request, replyErr error) {
	msg, err := reply(req.id, strings.Join(req.params, " "), replyErr)
	if err != nil {
		t.Errorf("reply: %v", err)
		return
	}
	var got map[string]any
	if err := json.Unmarshal(msg, &got); err != nil {
		t.Errorf("reply %q: %v", msg, err)
	}
	member := "result"
	if replyErr != nil {
		member = "error"
	}
	text, ok := got[member].(string)
	if !ok || strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		t.Errorf("reply %q", msg)
	}
}
