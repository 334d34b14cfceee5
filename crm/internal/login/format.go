package login

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// format is how an answer of the token endpoint is written: JSON unless the parameter format or the header Accept asks
// for another (crm-wire 1.3).
type format string

const (
	formatJSON       format = "json"
	formatXML        format = "xml"
	formatURLEncoded format = "urlencoded"
)

// acceptFormats are the media types of Accept that choose a format.
var acceptFormats = map[string]format{
	"application/json": formatJSON, "application/xml": formatXML, "text/xml": formatXML, "application/x-www-form-urlencoded": formatURLEncoded,
}

// formatOf finds the format; the parameter wins over the header. Of several types in the header the first that is known
// counts, and none of them is no error: browsers and libraries list what they like.
func formatOf(r *http.Request, asked string) (format, error) {
	switch f := format(asked); f {
	case formatJSON, formatXML, formatURLEncoded:
		return f, nil
	case "":
	default:
		return formatJSON, fault.New(fault.Invalid, codeMissingParameter, "format must be json, xml or urlencoded").In("format")
	}
	accept := r.Header.Get("Accept")
	for range 10 {
		one, rest, more := strings.Cut(accept, ",")
		media, _, _ := strings.Cut(one, ";")
		if f, ok := acceptFormats[strings.ToLower(strings.TrimSpace(media))]; ok {
			return f, nil
		}
		if !more {
			break
		}
		accept = rest
	}
	return formatJSON, nil
}

// pair is a name and a value of a flat answer.
type pair struct{ name, value string }

// pairs are the fields of the answer that have a value, in the order of the JSON.
func (a *tokenAnswer) pairs() []pair {
	all := []pair{
		{"access_token", a.AccessToken},
		{"refresh_token", a.RefreshToken},
		{"signature", a.Signature},
		{"scope", a.Scope},
		{"id_token", a.IDToken},
		{"instance_url", a.InstanceURL},
		{"id", a.ID},
		{"token_type", a.TokenType},
		{"issued_at", a.IssuedAt},
	}
	out := all[:0]
	for _, p := range all {
		if p.value != "" {
			out = append(out, p)
		}
	}
	return out
}

// formatted is the writer of a token request that asked for another format than JSON.
type formatted struct {
	http.ResponseWriter
	format format
}

// write answers in the format.
func (f formatted) write(status int, pairs []pair) {
	if f.format == formatURLEncoded {
		values := url.Values{}
		for _, p := range pairs {
			values.Set(p.name, p.value)
		}
		writeBody(f.ResponseWriter, status, formType, []byte(values.Encode()))
		return
	}
	var b strings.Builder
	b.WriteString(xml.Header + "<OAuth>")
	for _, p := range pairs {
		b.WriteString("<" + p.name + ">")
		_ = xml.EscapeText(&b, []byte(p.value)) // a Builder takes everything
		b.WriteString("</" + p.name + ">")
	}
	b.WriteString("</OAuth>")
	writeBody(f.ResponseWriter, status, []string{"application/xml;charset=UTF-8"}, []byte(b.String()))
}

func writeToken(w http.ResponseWriter, a *tokenAnswer) {
	if out, ok := w.(formatted); ok {
		out.write(http.StatusOK, a.pairs())
		return
	}
	writeJSON(w, http.StatusOK, a)
}
