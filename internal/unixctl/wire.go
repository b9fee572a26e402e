package unixctl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// request is a call by a client.
type request struct {
	method string
	params []string
	// badParam is set when a parameter is no string: such a call gets an error
	// reply, after the number of parameters has been checked.
	badParam bool
	id       json.RawMessage
}

// errTooLong says that a request exceeded maxRequest.
var errTooLong = fmt.Errorf("request longer than %d bytes", maxRequest)

// reader reads requests from a stream and bounds the bytes of each.
type reader struct {
	limit *limitReader
	dec   *json.Decoder
}

func newReader(r io.Reader) *reader {
	l := &limitReader{r: r}
	return &reader{limit: l, dec: json.NewDecoder(l)}
}

// next returns the next request. io.EOF means that the stream ended between
// requests; every other error means that it cannot be used any further.
func (r *reader) next() (*request, error) {
	// What the Decoder has read ahead belongs to the next request already: the
	// bound is then exact only to one buffer, which is all that matters.
	r.limit.left = maxRequest
	var members map[string]json.RawMessage
	if err := r.dec.Decode(&members); err != nil {
		var typeErr *json.UnmarshalTypeError
		if errors.As(err, &typeErr) {
			return nil, errors.New("message is not a JSON object")
		}
		return nil, err
	}
	return parseRequest(members)
}

func parseRequest(members map[string]json.RawMessage) (*request, error) {
	for name := range members {
		switch name {
		case "method", "params", "id":
		case "result", "error":
			if !isNull(members[name]) {
				return nil, errors.New("unexpected reply message")
			}
		default:
			return nil, fmt.Errorf("message has unexpected member %q", clip(name))
		}
	}
	var req request
	if raw, ok := members["method"]; !ok || json.Unmarshal(raw, &req.method) != nil || isNull(raw) {
		return nil, errors.New(`request must have "method", a JSON string`)
	}
	var params []json.RawMessage
	if raw, ok := members["params"]; !ok || isNull(raw) || json.Unmarshal(raw, &params) != nil {
		return nil, errors.New(`request must have "params", a JSON array`)
	}
	if req.id = members["id"]; isNull(req.id) {
		return nil, errors.New("unexpected notification message")
	}
	req.params = make([]string, len(params))
	for i, raw := range params {
		if isNull(raw) || json.Unmarshal(raw, &req.params[i]) != nil || strings.ContainsRune(req.params[i], 0) {
			req.badParam = true
		}
	}
	return &req, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// clip shortens a client's text for the log.
func clip(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// reply returns the bytes of a reply: a result, or an error if err is not nil.
func reply(id json.RawMessage, text string, err error) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"id":`)
	b.Write(id)
	if err != nil {
		b.WriteString(`,"error":`)
		text = err.Error()
	} else {
		b.WriteString(`,"result":`)
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if encErr := enc.Encode(clean(text)); encErr != nil {
		return nil, fmt.Errorf("reply: %w", encErr)
	}
	b.Truncate(b.Len() - 1) // Encode's newline
	if err == nil {
		b.WriteString(`,"error":null`)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// clean makes a text that ovs-appctl takes: its JSON reader refuses the NUL
// character and what is not UTF-8.
func clean(text string) string {
	if utf8.ValidString(text) && !strings.ContainsRune(text, 0) {
		return text
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	return strings.ReplaceAll(text, "\x00", "\ufffd")
}

// limitReader fails once more than left bytes were read since left was set.
type limitReader struct {
	r    io.Reader
	left int
}

func (l *limitReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	if len(p) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}
