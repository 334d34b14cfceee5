package client

import (
	"bytes"
	"encoding/json"
	"io"
)

// JSON decodes an answer that must be one JSON value of type application/json into v. Numbers inside any-typed values
// stay json.Number. A wrong content type, broken JSON or trailing text is a CodeProtocol fault: an HTML login page
// with status 200 is no success (security SF-12).
func (c *Caller) JSON(a *Answer, v any) error {
	if a.Type != "application/json" {
		return c.Protocol(a.Status, "it is %q where JSON was promised", Clip(a.Type, 60))
	}
	d := json.NewDecoder(bytes.NewReader(a.Body))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return c.Protocol(a.Status, "its JSON does not have the promised shape")
	}
	if _, err := d.Token(); err != io.EOF {
		return c.Protocol(a.Status, "text follows its JSON")
	}
	return nil
}
