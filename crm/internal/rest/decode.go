package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
)

// endOfInput is what encoding/json says of a body that ends too early.
const endOfInput = "unexpected end of JSON input"

// decode reads a body into v. What is no JSON is told as the service tells it: by character and place (crm-wire 3.3).
func decode(body []byte, v any) error {
	err := strictjson.Decode(body, v)
	if err == nil {
		return nil
	}
	var raw json.RawMessage
	syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &raw))
	if !ok {
		return err
	}
	at := min(max(int(syntax.Offset)-1, 0), len(body)) // Offset counts the byte that is wrong
	line := bytes.Count(body[:at], []byte("\n")) + 1
	column := utf8.RuneCount(body[bytes.LastIndexByte(body[:at], '\n')+1:at]) + 1
	if syntax.Error() == endOfInput {
		return fault.Wrap(err, fault.Invalid, strictjson.CodeMalformed, "Unexpected end-of-input at [line:%d, column:%d]", line, column)
	}
	c, _ := utf8.DecodeRune(body[at:])
	return fault.Wrap(err, fault.Invalid, strictjson.CodeMalformed, "Unexpected character ('%c' (code %d)) at [line:%d, column:%d]", c, c, line, column)
}
