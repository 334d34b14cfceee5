package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// mask stands where a secret stood.
const mask = "***"

// secretNames are the names of form parameters, JSON members and XML elements whose values are taken out: lower case,
// without "_", "-" and ":" prefixes, so that client_secret, clientSecret and CLIENT-SECRET are one.
var secretNames = func() map[string]bool {
	names := map[string]bool{}
	for _, n := range []string{
		"password", "passwd", "pw", "newpassword", "oldpassword", "currentpassword", "confirmpassword",
		"clientsecret", "consumersecret", "secret", "apikey", "privatekey",
		"accesstoken", "refreshtoken", "idtoken", "oauthtoken", "token", "subjecttoken", "actortoken", "legacytoken", "apitoken", "csrftoken",
		"securitytoken", "sessionid", "sid", "fueloauth", "oauthtoken", "codeverifier", "code", "assertion", "clientassertion",
		"idtokenhint", "jwt", "samlresponse", "samlrequest", "devicecode", "usercode", "signature", "csrf", "authorization",
	} {
		names[n] = true
	}
	return names
}()

func secretName(name string) bool {
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	if len(name) > 64 {
		return false
	}
	var b [64]byte
	n := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '_' || c == '-' || c == ' ' {
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[n] = c
		n++
	}
	return secretNames[string(b[:n])]
}

// secretHeaders are taken out whole.
var secretHeaders = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Set-Cookie": true, "X-Api-Key": true, "X-Sfdc-Session": true,
	"Sforce-Session-Id": true,
}

// urlHeaders hold addresses whose queries and fragments can hold codes and tokens.
var urlHeaders = map[string]bool{"Location": true, "Referer": true, "Content-Location": true}

// scrubber takes secrets out of one exchange. It remembers each secret that it met under a name, and takes the same
// text out wherever else it stands: an answer that echoes a password, a path that holds a token.
type scrubber struct{ met []string }

func newScrubber() *scrubber { return &scrubber{} }

// shortest is how long a secret must be to be looked for elsewhere: shorter ones stand in many a word.
const shortest = 6

func (s *scrubber) meet(secret string) {
	if len(secret) >= shortest && len(s.met) < 32 && secret != mask && !slices.Contains(s.met, secret) {
		s.met = append(s.met, secret)
	}
}

// header copies a header without its secrets.
func (s *scrubber) header(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		switch {
		case secretHeaders[name]:
			for _, v := range values {
				s.meetCredentials(v)
			}
			out[name] = []string{mask}
		case urlHeaders[name]:
			for _, v := range values {
				out[name] = append(out[name], s.address(v))
			}
		default:
			for _, v := range values {
				out[name] = append(out[name], limit(v, 1024))
			}
		}
	}
	return out
}

// meetCredentials remembers what an Authorization or Cookie header carries.
func (s *scrubber) meetCredentials(v string) {
	scheme, rest, _ := strings.Cut(v, " ")
	if strings.EqualFold(scheme, "Basic") {
		if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest)); err == nil {
			_, secret, _ := strings.Cut(string(decoded), ":")
			s.meet(secret)
			if plain, err := url.QueryUnescape(secret); err == nil {
				s.meet(plain)
			}
		}
	}
	if rest != "" && !strings.Contains(scheme, "=") {
		s.meet(strings.TrimSpace(rest))
		return
	}
	for pair := range strings.SplitSeq(v, ";") { // cookies
		if _, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && len(value) >= 16 {
			s.meet(value)
		}
	}
}

// address takes secrets out of a URL's query and fragment.
func (s *scrubber) address(v string) string {
	head, fragment, hasFragment := strings.Cut(v, "#")
	head, query, hasQuery := strings.Cut(head, "?")
	if hasQuery {
		head += "?" + s.form(query)
	}
	if hasFragment {
		head += "#" + s.form(fragment)
	}
	return head
}

// form takes secrets out of form-encoded parameters, whole or cut off.
func (s *scrubber) form(text string) string {
	if text == "" {
		return ""
	}
	parts := strings.Split(text, "&")
	for i, part := range parts {
		rawName, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			name = rawName
		}
		if !secretName(name) || value == "" {
			continue
		}
		s.meet(value)
		if plain, err := url.QueryUnescape(value); err == nil {
			s.meet(plain)
		}
		parts[i] = rawName + "=" + mask
	}
	return strings.Join(parts, "&")
}

// body takes secrets out of a body by its content type. Types that cannot be read are told by type and size alone.
func (s *scrubber) body(contentType string, kept []byte, total int64) string {
	if total == 0 {
		return ""
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = ""
	}
	var text string
	switch {
	case !utf8.Valid(bytes.TrimRight(kept, "\x80\xff")) && int64(len(kept)) == total:
		return fmt.Sprintf("[%d bytes, not text]", total)
	case kind == "application/x-www-form-urlencoded":
		text = s.form(string(kept))
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		text = s.json(string(kept))
	case kind == "text/xml" || kind == "application/xml" || strings.HasSuffix(kind, "+xml"):
		text = s.xml(string(kept))
	default:
		return fmt.Sprintf("[%d bytes of %s, not shown]", total, strconv.Quote(limit(kind, 80)))
	}
	if total > int64(len(kept)) {
		text += fmt.Sprintf("… [%d bytes in all]", total)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// json takes secrets out of JSON text, whole or cut off, valid or not: the value after a secret's name goes, be it a
// text, a number, an array or an object.
func (s *scrubber) json(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '"' {
			out.WriteByte(text[i])
			i++
			continue
		}
		end := stringEnd(text, i)
		out.WriteString(text[i:end])
		key := unquote(text[i:end])
		after := skipSpace(text, end)
		i = end
		if after >= len(text) || text[after] != ':' || !secretName(key) {
			continue
		}
		value := skipSpace(text, after+1)
		out.WriteString(text[end:value])
		stop := s.jsonValue(text, value)
		if stop > value {
			out.WriteString(`"` + mask + `"`)
		}
		i = stop
	}
	return out.String()
}

// jsonValue gives the end of the value at i and remembers its texts.
func (s *scrubber) jsonValue(text string, i int) int {
	depth := 0
	for i < len(text) {
		switch c := text[i]; c {
		case '"':
			end := stringEnd(text, i)
			s.meet(unquote(text[i:end]))
			i = end
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case ',', ' ', '\t', '\r', '\n', ':':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			start := i
			for i < len(text) && !strings.ContainsRune(",]} \t\r\n\"", rune(text[i])) {
				i++
			}
			s.meet(text[start:i])
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

// stringEnd gives the place after the JSON string that begins at i, or the end of the text.
func stringEnd(text string, i int) int {
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return len(text)
}

func unquote(quoted string) string {
	var v string
	if json.Unmarshal([]byte(quoted), &v) == nil {
		return v
	}
	return strings.Trim(quoted, `"`)
}

func skipSpace(text string, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
		i++
	}
	return i
}

// xml takes secrets out of XML text, whole or cut off: all between a secret's start tag and its end tag, and the values
// of attributes of such names.
func (s *scrubber) xml(text string) string {
	var out strings.Builder
	for {
		open := strings.IndexByte(text, '<')
		if open < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:open])
		text = text[open:]
		end := tagEnd(text)
		tag := text[:end]
		text = text[end:]
		if len(tag) < 2 || tag[1] == '/' || tag[1] == '?' || tag[1] == '!' {
			out.WriteString(tag)
			continue
		}
		name := tag[1:]
		if i := strings.IndexAny(name, " \t\r\n/>"); i >= 0 {
			name = name[:i]
		}
		out.WriteString(s.attributes(tag))
		if !secretName(name) || strings.HasSuffix(tag, "/>") {
			continue
		}
		stop := strings.Index(text, "</"+name)
		if stop < 0 {
			stop = len(text)
		}
		if stop > 0 {
			for _, piece := range strings.FieldsFunc(text[:stop], func(c rune) bool { return c == '<' || c == '>' }) {
				s.meet(strings.TrimSpace(unescapeXML(piece)))
				s.meet(strings.TrimSpace(piece))
			}
			out.WriteString(mask)
		}
		text = text[stop:]
	}
}

// tagEnd gives the place after the tag at the beginning of text; quoted attribute values may hold ">".
func tagEnd(text string) int {
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return len(text)
}

// attributes takes out the values of attributes with a secret's name.
func (s *scrubber) attributes(tag string) string {
	var out strings.Builder
	for {
		eq := strings.IndexByte(tag, '=')
		if eq < 0 {
			out.WriteString(tag)
			return out.String()
		}
		name := strings.TrimSpace(tag[:eq])
		if i := strings.LastIndexAny(name, " \t\r\n"); i >= 0 {
			name = name[i+1:]
		}
		start := skipSpace(tag, eq+1)
		if start >= len(tag) || tag[start] != '"' && tag[start] != '\'' {
			out.WriteString(tag)
			return out.String()
		}
		stop := strings.IndexByte(tag[start+1:], tag[start])
		if stop < 0 {
			stop = len(tag) - start - 1
		}
		value := tag[start+1 : start+1+stop]
		out.WriteString(tag[:start+1])
		if secretName(name) {
			s.meet(unescapeXML(value))
			value = mask
		}
		out.WriteString(value)
		tag = tag[start+1+stop:]
		if tag == "" {
			return out.String()
		}
		out.WriteByte(tag[0])
		tag = tag[1:]
	}
}

var xmlEntities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#34;", `"`, "&apos;", "'", "&#39;", "'", "&amp;", "&")

func unescapeXML(s string) string { return xmlEntities.Replace(s) }

// finish takes every secret that was met under a name out of the rest of the exchange: as it is, and as the encodings
// of form, JSON, XML and base64 spell it.
func (s *scrubber) finish(e *Exchange) {
	if len(s.met) == 0 {
		return
	}
	// Longer ones first, so that a secret inside another does not leave the other's rest.
	slices.SortFunc(s.met, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, secret := range s.met {
		spellings := []string{secret, url.QueryEscape(secret), url.PathEscape(secret),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))}
		if quoted, err := json.Marshal(secret); err == nil { // a string always encodes
			spellings = append(spellings, strings.Trim(string(quoted), `"`))
		}
		slices.Sort(spellings)
		for _, spelling := range slices.Compact(spellings) {
			pairs = append(pairs, spelling, mask)
		}
	}
	r := strings.NewReplacer(pairs...)
	e.Path = r.Replace(e.Path)
	e.RequestBody = r.Replace(e.RequestBody)
	e.ResponseBody = r.Replace(e.ResponseBody)
	for _, h := range []http.Header{e.RequestHeader, e.ResponseHeader} {
		for _, values := range h {
			for i := range values {
				values[i] = r.Replace(values[i])
			}
		}
	}
}
