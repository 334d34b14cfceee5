// Package fault holds the one error type that travels inside Twinspan.
//
// Rules and stores return a *Error with a [Kind], a stable [Code] and a sentence for people; the cause stays
// inside, for the log alone. Each edge (OAuth, REST, SOAP, pages, the Connect API, the command line) translates
// codes and kinds in one table of its own. An error that is no *Error is [Internal]: the caller is told nothing
// about it and the log is told everything.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind says what sort of refusal an error is. Edges fall back on it when their table does not name the code.
type Kind uint8

// The kinds. The zero value is Internal, so that an error somebody forgot to classify shows nothing.
const (
	Internal        Kind = iota // our mistake or our disk's; HTTP 500
	Invalid                     // the request is wrong as written; HTTP 400
	Unauthenticated             // who is asking is not known, or no longer; HTTP 401
	Denied                      // known, and not allowed; HTTP 403
	NotFound                    // no such thing, or none that this caller may see; HTTP 404
	Conflict                    // the state of things forbids it now; HTTP 409
	TooLarge                    // over a documented limit; HTTP 413
	Unsupported                 // a content type or method nobody here speaks; HTTP 415
	Limited                     // too many, try later; HTTP 429
	Unavailable                 // a part that we need does not answer; HTTP 503
)

// String returns the kind's name in lower case, for logs.
func (k Kind) String() string {
	names := [...]string{"internal", "invalid", "unauthenticated", "denied", "not found", "conflict", "too large", "unsupported", "limited", "unavailable"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// HTTPStatus is the status that fits the kind where an edge's own table says nothing else.
func (k Kind) HTTPStatus() int {
	status := [...]int{500, 400, 401, 403, 404, 409, 413, 415, 429, 503}
	if int(k) < len(status) {
		return status[k]
	}
	return 500
}

// Code names one cause for programs: lower case words joined by underscores, never shown as prose, never reused
// for another cause. Houses declare their codes beside the rules that return them.
type Code string

// Error is a refusal with its cause. Message is one sentence for the person who asked and holds no secret; Field
// names the offending input where there is one; Err is the cause, which only logs see.
type Error struct {
	Kind    Kind
	Code    Code
	Message string
	Field   string
	Err     error
}

// New returns an error of the kind with a formatted message.
func New(kind Kind, code Code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of the kind that keeps cause for the log.
func Wrap(cause error, kind Kind, code Code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...), Err: cause}
}

// In returns a copy of e that names the input at fault. The name may come from a request: it is cut to 64 bytes, and
// what is no printable character becomes "?", so that it can stand in an answer or a log.
func (e *Error) In(field string) *Error {
	c := *e
	c.Field = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, field)
	if len(c.Field) > 64 {
		c.Field = strings.ToValidUTF8(c.Field[:64], "")
	}
	return &c
}

// Error tells everything, the cause included: it is for logs. What a caller may see is Message.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports two errors equal when their codes are, so errors.Is(err, SomeDeclaredError) works on copies.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code != "" && t.Code == e.Code
}

// Of returns the *Error inside err, or an Internal one around it. It returns nil for nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: Internal, Code: codeInternal, Message: unexpected, Err: err}
}

// What is told of an Internal error.
const (
	codeInternal Code   = "internal"
	unexpected   string = "An unexpected error occurred."
)

// Told are the code and the text of err that may be shown and kept, err being one: an Internal one tells nothing of itself.
func Told(err error) (code, text string) {
	e := Of(err)
	if e.Kind == Internal {
		return string(codeInternal), unexpected
	}
	return string(e.Code), e.Message
}

// noKind is the kind of no error at all.
const noKind Kind = 255

// KindOf returns the kind of err; Internal where err is no *Error, and none of the kinds for nil.
func KindOf(err error) Kind {
	if err == nil {
		return noKind
	}
	return Of(err).Kind
}

// CodeOf returns the code of err; "internal" where err is no *Error, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return Of(err).Code
}
