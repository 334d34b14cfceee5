package client

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// SOAP posts an envelope and returns the operation element of the answer's body. A SOAP fault is a refusal with the
// fault's code, without its prefix, and its text; a fault that unauthorized recognises becomes Unauthenticated, as it
// comes with status 500 (crm-wire 2.4, engagement-wire 3). secret is what the envelope carries.
func (c *Caller) SOAP(ctx context.Context, target, action string, envelope []byte, secret string, unauthorized func(code, text string) bool) (*soap.Element, error) {
	a, err := c.Do(ctx, Request{
		Method: http.MethodPost, URL: target, ContentType: "text/xml; charset=UTF-8", Body: envelope, Secrets: []string{secret},
		Header: http.Header{"Soapaction": {`"` + action + `"`}},
	})
	if err != nil {
		return nil, err
	}
	if a.Type != "text/xml" && a.Type != "application/soap+xml" {
		if a.Status/100 != 2 {
			return nil, c.Refused(a, a.Status, "", "")
		}
		return nil, c.Protocol(a.Status, "it is %q where SOAP was promised", Clip(a.Type, 60))
	}
	e, err := soap.Parse(bytes.NewReader(a.Body), soap.Limits{Bytes: MaxAnswer})
	if err != nil {
		return nil, c.Protocol(a.Status, "its envelope is broken (%s)", fault.CodeOf(err))
	}
	op := e.Operation()
	switch {
	case op == nil:
		return nil, c.Protocol(a.Status, "its body is empty")
	case op.Local != "Fault" && a.Status/100 == 2:
		return op, nil
	case op.Local != "Fault":
		return nil, c.Refused(a, a.Status, "", "")
	}
	code := op.Value("faultcode")
	code = code[strings.IndexByte(code, ':')+1:]
	text := op.Value("faultstring")
	if exception := op.Find("detail"); exception != nil && len(exception.Children) > 0 {
		if m := exception.Children[0].Value("exceptionMessage"); m != "" {
			text = m
		}
		// What Engagement's client faults are about stands in the detail: 11 is AuthorizationFailure (engagement-wire 3).
		if n := exception.Children[0].Value("Code"); n != "" && code == "Client" {
			code = n
		}
	}
	switch {
	case unauthorized(code, text):
		return nil, c.Refused(a, http.StatusUnauthorized, code, text)
	case code == "Server":
		return nil, c.Refused(a, http.StatusInternalServerError, code, text)
	}
	return nil, c.Refused(a, http.StatusBadRequest, code, text) // a fault is a decision, whatever its HTTP status
}
