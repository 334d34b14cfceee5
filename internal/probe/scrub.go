package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// mask stands where a secret stood.
const mask = "***"

// secretNames are the names of form parameters, JSON members and XML elements whose values are taken out: lower case,
// without "_", "-" and prefixes, so that session_id, sessionId and SESSION-ID are one. So are names that end in one of
// secretEndings: client_secret, newPassword, refresh_token, et4ae5__ExactTarget_OAuth_Token__c.
var secretNames = func() map[string]bool {
	names := map[string]bool{}
	for _, n := range []string{
		"password", "passwd", "pw", "secret", "apikey", "privatekey",
		"token", "idtokenhint",
		"securitytoken", "sessionid", "sid", "fueloauth", "codeverifier", "code", "assertion", "clientassertion",
		"jwt", "samlresponse", "samlrequest", "devicecode", "usercode", "signature", "csrf", "authorization",
		"otp", "frontdooruri", // a frontdoor link signs a browser in
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
	if secretNames[string(b[:n])] {
		return true
	}
	if string(b[:n]) == "usernametoken" { // of WS-Security: it holds the user name too
		return false
	}
	for _, ending := range secretEndings {
		if bytes.HasSuffix(b[:n], ending) {
			return true
		}
	}
	return false
}

var secretEndings = [][]byte{[]byte("password"), []byte("secret"), []byte("token"), []byte("tokenc")}

// secretHeaders are taken out whole.
var secretHeaders = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Set-Cookie": true, "X-Api-Key": true, "X-Sfdc-Session": true,
	"Sforce-Session-Id": true,
}

// urlHeaders hold addresses whose queries and fragments can hold codes and tokens.
var urlHeaders = map[string]bool{"Location": true, "Referer": true, "Content-Location": true}

// scrubber takes secrets out of one exchange. It remembers each secret that it met under a name, and takes the same
// text out wherever else it stands: an answer that echoes a password, a path that holds a token.
type scrubber struct {
	met    []string
	answer bool // an answer is looked at: there "code" is an error's, never an authorization code
}

func (s *scrubber) secret(name string) bool {
	return secretName(name) && (!s.answer || !strings.EqualFold(name[strings.LastIndexByte(name, ':')+1:], "code"))
}

// shortest is how long a secret must be to be looked for elsewhere: shorter ones stand in many a word.
const shortest = 8

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

// address takes secrets out of a URL's query and fragment; there "code" is an authorization code in answers too.
func (s *scrubber) address(v string) string {
	defer func(answer bool) { s.answer = answer }(s.answer)
	s.answer = false
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
		if !s.secret(name) || value == "" {
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

// body takes secrets out of a body by its content type. Others are told by type and size alone, but for the short plain
// texts of refusals.
func (s *scrubber) body(contentType string, kept []byte, total int64, refusal bool) string {
	if total == 0 {
		return ""
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "no type"
	}
	whole := int64(len(kept)) == total
	var text string
	switch {
	case whole && !utf8.Valid(kept):
		return fmt.Sprintf("[%d bytes of %s, not text]", total, limit(kind, 80))
	case kind == "application/x-www-form-urlencoded":
		text = s.form(string(kept))
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		text = s.json(string(kept))
	case kind == "text/xml" || kind == "application/xml" || strings.HasSuffix(kind, "+xml"):
		text = s.xml(string(kept))
	case kind == "text/plain" && refusal && total <= 256:
		text = string(kept)
	default:
		return fmt.Sprintf("[%d bytes of %s, not shown]", total, limit(kind, 80))
	}
	if !whole {
		text += fmt.Sprintf("… [%d bytes in all]", total)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// json takes secrets out of JSON text, whole or cut off, valid or not: the value after a secret's name goes, be it a
// text, a number, an array or an object.
func (s *scrubber) json(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); {
		if next := strings.IndexByte(text[i:], '"'); next != 0 {
			if next < 0 {
				next = len(text) - i
			}
			out.WriteString(text[i : i+next])
			i += next
			continue
		}
		end := stringEnd(text, i)
		out.WriteString(text[i:end])
		key := unquote(text[i:end])
		after := skipSpace(text, end)
		i = end
		if after >= len(text) || text[after] != ':' || !s.secret(key) {
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
	if n := len(quoted); n >= 2 && quoted[n-1] == '"' && strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : n-1]
	}
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
		if !s.secret(name) || strings.HasSuffix(tag, "/>") {
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
		if s.secret(name) {
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
// of form, path, JSON, XML and base64 spell it.
func (s *scrubber) finish(e *Exchange) {
	texts := []*string{&e.Path, &e.RequestBody, &e.ResponseBody}
	for _, h := range []http.Header{e.RequestHeader, e.ResponseHeader} {
		for _, values := range h {
			for i := range values {
				texts = append(texts, &values[i])
			}
		}
	}
	// Longer ones first, so that a secret inside another does not leave the other's rest.
	slices.SortFunc(s.met, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range s.met {
		for _, spelling := range spellings(secret) {
			for _, text := range texts {
				if strings.Contains(*text, spelling) {
					*text = strings.ReplaceAll(*text, spelling, mask)
				}
			}
		}
	}
}

// longestEncoded bounds the secrets that are looked for in base64 too: assertions and tokens above it are never shown
// so, and making the texts would cost more than all the rest.
const longestEncoded = 256

// spellings are the texts by which a secret can appear, each once.
func spellings(secret string) []string {
	all := []string{secret}
	add := func(s string) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	if !plain(secret) {
		add(url.QueryEscape(secret))
		add(url.PathEscape(secret))
		add(html.EscapeString(secret))
		if quoted, err := json.Marshal(secret); err == nil { // a string always encodes
			add(string(quoted[1 : len(quoted)-1]))
		}
	}
	if len(secret) > longestEncoded {
		return all
	}
	encoded := base64.RawStdEncoding.EncodeToString([]byte(secret)) // padding may follow
	add(encoded)
	if strings.ContainsAny(encoded, "+/") {
		add(base64.RawURLEncoding.EncodeToString([]byte(secret)))
	}
	return all
}

// plain reports a text that every encoding but base64 leaves alone.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return false
		}
	}
	return true
}
