package rest

import (
	"net/http"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// Edge lends sessions, the meter and the shape of refusals to the Bulk API, which lives beside this one.
type Edge struct{ *Server }

// Accept authenticates a request and counts it, which no app is exempt from (documents 001 and 002), and tells the
// version that its path names.
func (e Edge) Accept(w http.ResponseWriter, r *http.Request) (org.Session, string, error) {
	session, err := e.authenticate(r)
	if err != nil {
		return session, "", err
	}
	if err := e.count(w, r, session, true); err != nil {
		return session, "", err
	}
	version, err := parseVersion(r.PathValue("version"))
	return session, version, err
}

// Refuse answers with an error.
func (e Edge) Refuse(w http.ResponseWriter, r *http.Request, err error) { e.refuse(w, r, err) }

// Send answers with a value as JSON; nil sends none.
func (e Edge) Send(w http.ResponseWriter, r *http.Request, status int, body any) {
	e.send(w, r, answer{status, body})
}

// Decode reads a body into v.
func (e Edge) Decode(body []byte, v any) error { return decode(body, v) }

// PerRecord names a refusal of one record among many.
func (e Edge) PerRecord(err error) (code, message string, fields []string) {
	f := perRecord(err)
	return f.StatusCode, f.Message, f.Fields
}
