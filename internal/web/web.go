// Package web is what every HTTP edge of Twinspan stands on: a router that never redirects, strict readers of request
// bodies, security headers, the request log, and a server with every timeout set.
//
// Go's defaults are the wrong ones for servers of tokens: http.ServeMux answers 301 to a double slash and loses the
// body, Request.FormValue reads secrets from the URL, encoding/json keeps the last of two equal keys and ignores case,
// and http.Server waits for ever. Each function here takes one such default away. Errors are *fault.Error; an edge
// translates their kinds and codes into its own shape.
package web

import "github.com/twinspan/twinspan/internal/fault"

// Codes of the faults that this package returns.
const (
	// CodeBodyTooLarge: the request body is over the limit of its reader (kind TooLarge).
	CodeBodyTooLarge fault.Code = "body_too_large"
	// CodeBodyUnreadable: the body ended early or came too slowly (kind Invalid).
	CodeBodyUnreadable fault.Code = "body_unreadable"
	// CodeContentType: the content type, charset or content encoding is none that the reader takes (kind Unsupported).
	CodeContentType fault.Code = "unsupported_content_type"
	// CodeMalformedForm: the form or query is not percent-encoded UTF-8, or has too many parameters (kind Invalid).
	CodeMalformedForm fault.Code = "malformed_form"
	// CodeRepeatedParameter: a form or query parameter comes twice (kind Invalid, Field names it; RFC 6749 section 3.1).
	CodeRepeatedParameter fault.Code = "repeated_parameter"
)
