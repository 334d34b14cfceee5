package soapapi

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/web"
)

// Namespaces of the response header.
const (
	nsAddressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	nsSecurity   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsUtility    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsFault      = "urn:fault.partner.exacttarget.com"
)

// timeFormat is that of dateTime values and header timestamps: UTC with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z"

// call is what an answer repeats of its request.
type call struct {
	version   soap.Version
	media     string // "text/xml" or "application/soap+xml"
	action    string
	relatesTo string
}

// reply writes an envelope with the WS-Addressing and WS-Security header that the real service sends (engagement-wire 3).
func (s *Server) reply(w http.ResponseWriter, r *http.Request, status int, c call, action string, body func(*soap.Writer)) {
	x := soap.NewWriter(soap.Style{Prefix: "soap", Version: c.version, Attrs: []string{
		"xmlns:xsi", soap.NamespaceXSI, "xmlns:xsd", soap.NamespaceXSD, "xmlns:wsa", nsAddressing, "xmlns:wsse", nsSecurity, "xmlns:wsu", nsUtility,
	}})
	if c.version == soap.SOAP12 {
		// The real service binds another prefix here (CumulusCI's recordings), and clients have seen nothing else.
		x.Open("env:Header", "xmlns:env", soap.NamespaceSOAP12)
	} else {
		x.OpenHeader()
	}
	now := s.o.Machine().UTC()
	x.Text("wsa:Action", action)
	x.Text("wsa:MessageID", "urn:uuid:"+tenant.NewGUID())
	x.Text("wsa:RelatesTo", c.relatesTo)
	x.Text("wsa:To", nsAddressing+"/role/anonymous")
	x.Open("wsse:Security")
	x.Open("wsu:Timestamp", "wsu:Id", "Timestamp-"+tenant.NewGUID())
	x.Text("wsu:Created", now.Format(timeFormat))
	x.Text("wsu:Expires", now.Add(5*time.Minute).Format(timeFormat))
	x.Close()
	x.Close()
	x.Close()
	x.OpenBody()
	body(x)
	text, err := x.Bytes()
	if err != nil {
		s.o.Log.ErrorContext(r.Context(), "soap: writing an answer", slog.String("action", action), slog.Any("error", err))
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	// The envelope's namespace tells the version; the media type follows the request's, since some clients post a
	// SOAP 1.2 envelope as text/xml and want it back so (engagement-wire 3).
	w.Header().Set("Content-Type", c.media+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if _, err := w.Write(text); err != nil {
		s.o.Log.DebugContext(r.Context(), "soap: the caller has gone", slog.Any("error", err))
	}
}

// fault answers a call that failed as a whole. This is the edge's table from faults to SOAP (engagement-wire 3, Faults).
func (s *Server) fault(w http.ResponseWriter, r *http.Request, c call, err error) {
	f := fault.Of(err)
	actor := s.o.BaseURL + Path
	security := func(text string) func(*soap.Writer) {
		return func(x *soap.Writer) { x.Fault("q0:Security", []string{"xmlns:q0", nsSecurity}, text, actor, nil) }
	}
	client := func(text string, detail func(*soap.Writer)) func(*soap.Writer) {
		return func(x *soap.Writer) { x.Fault("soap:Client", nil, text, "", func() { detail(x) }) }
	}
	var body func(*soap.Writer)
	status := http.StatusInternalServerError
	switch {
	case f.Code == tenant.CodeInvalidToken:
		body = security("Token Expired")
	case f.Kind == fault.Unauthenticated:
		body = security("Login Failed")
	case f.Code == soap.CodeRepeated || f.Code == soap.CodeMalformed:
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	case f.Code == codeUnknownAction:
		body = client(f.Message, func(*soap.Writer) {})
	case f.Code == tenant.CodeNoWebServices:
		body = client(f.Message, func(x *soap.Writer) { apiFault(x, "11", f.Message) })
	case f.Kind == fault.Limited:
		body = client("Rate limit exceeded", func(*soap.Writer) {})
	case f.Kind == fault.Invalid:
		body = client(f.Message, func(*soap.Writer) {})
	default:
		s.o.Log.ErrorContext(r.Context(), "soap: a call failed", slog.String("action", c.action), slog.String("request", web.RequestIDFrom(r.Context())), slog.Any("error", err))
		body = func(x *soap.Writer) {
			x.Fault("soap:Server", nil, "Unplanned Outage", actor, func() { apiFault(x, "2", "Unplanned Outage") })
		}
	}
	s.reply(w, r, status, c, nsAddressing+"/fault", body)
}

func apiFault(x *soap.Writer, code, message string) {
	x.Open("apifault", "xmlns", nsFault)
	x.Text("Code", code)
	x.Text("Message", message)
	x.Close()
}

// codeUnknownAction is the fault of a call of an operation that does not exist or is not offered.
const codeUnknownAction fault.Code = "unknown_action"

func unknownAction(action string) error {
	if len(action) > 100 {
		action = action[:100]
	}
	return fault.New(fault.Invalid, codeUnknownAction, "Server did not recognize the value of HTTP Header SOAPAction: %s.", action)
}

// statusOfUnreadable is the HTTP status for a body that is no envelope.
func statusOfUnreadable(err error) int {
	switch fault.KindOf(err) {
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unsupported:
		return http.StatusUnsupportedMediaType
	}
	return http.StatusBadRequest
}
