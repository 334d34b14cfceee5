// Package fake has an org and a tenant that were written from the wire references alone and share no line with the built-in
// ones: other ids and hosts, other spellings where the references leave them open, pages of two records, members that
// nobody asked for. What works against both rests on what the clouds promise, and not on how ours happen to keep it.
//
// They hold as much of the clouds as the contract suite walks over, in memory.
package fake

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Person is somebody who may sign in.
type Person struct {
	Username, Password string
	// SecurityToken belongs behind the password in calls of an org's API.
	SecurityToken string
}

// random is a text that nobody guesses.
func random() string {
	var b [18]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// visit is one authorization under way, and afterwards its code (RFC 6749 section 4.1, RFC 7636).
type visit struct {
	user, client, redirect, scope, state, challenge, nonce string
}

// door is what both clouds have: sign-in pages with a cookie, codes, tokens.
type door struct {
	mu      sync.Mutex
	cookies map[string]string // user by cookie
	codes   map[string]visit
	tokens  map[string]visit
}

func newDoor() door {
	return door{cookies: map[string]string{}, codes: map[string]visit{}, tokens: map[string]visit{}}
}

const cookieName = "fake_session"

// authorize answers an authorization request: a form for who is not signed in, else the way back with a code. check tells
// the user by name and password; allowed tells whether the client may come back to the address.
func (d *door) authorize(w http.ResponseWriter, r *http.Request, check func(name, password string) bool, allowed func(client, redirect string) bool) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	q := r.Form
	if !allowed(q.Get("client_id"), q.Get("redirect_uri")) {
		http.Error(w, "redirect_uri must match configuration", http.StatusBadRequest)
		return
	}
	user := ""
	if c, err := r.Cookie(cookieName); err == nil && q.Get("prompt") != "login" {
		d.mu.Lock()
		user = d.cookies[c.Value]
		d.mu.Unlock()
	}
	if r.Method == http.MethodPost {
		user = ""
		if check(q.Get("un"), q.Get("pw")) {
			user = q.Get("un")
			cookie := random()
			d.mu.Lock()
			d.cookies[cookie] = user
			d.mu.Unlock()
			http.SetCookie(w, &http.Cookie{Name: cookieName, Value: cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
	}
	if user == "" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, "<!DOCTYPE html><html lang=en><title>Who is there?</title><form method=post><p>Name <input type=text name=un autocomplete=username>",
			"<p>Word <input type=password name=pw>") // nobody is left to tell
		for name, values := range r.URL.Query() {
			_, _ = fmt.Fprintf(w, `<input type=hidden name="%s" value="%s">`, html.EscapeString(name), html.EscapeString(values[0]))
		}
		_, _ = fmt.Fprint(w, "<button>Enter</button></form></html>")
		return
	}
	code := random()
	d.mu.Lock()
	d.codes[code] = visit{user, q.Get("client_id"), q.Get("redirect_uri"), q.Get("scope"), q.Get("state"), q.Get("code_challenge"), q.Get("nonce")}
	d.mu.Unlock()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		http.Error(w, "redirect_uri is none", http.StatusBadRequest)
		return
	}
	back.RawQuery = url.Values{"state": {q.Get("state")}, "code": {code}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// spend takes a code, once, from whom it was given to.
func (d *door) spend(code, client, redirect, verifier string) (visit, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.codes[code]
	delete(d.codes, code)
	sum := sha256.Sum256([]byte(verifier))
	return v, ok && v.client == client && v.redirect == redirect && v.challenge == base64.RawURLEncoding.EncodeToString(sum[:])
}

func (d *door) issue(v visit) string {
	token := random() + "." + random()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tokens[token] = v
	return token
}

// bearer is whose the token of a request is.
func (d *door) bearer(r *http.Request) (visit, string, bool) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	v, ok := d.live(token)
	return v, token, ok && strings.EqualFold(kind, "Bearer")
}

func (d *door) live(token string) (visit, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, ok := d.tokens[token]
	return v, ok
}

func (d *door) end(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.tokens, token)
}

// claims are those of an assertion (RFC 7523 section 3).
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
}

// unverified reads whose an assertion says it is.
func unverified(assertion string) (claims, bool) {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c claims
	return c, err == nil && json.Unmarshal(raw, &c) == nil
}

// signed reports whether the key of the certificate signed the assertion.
func signed(assertion, certificate string) bool {
	block, _ := pem.Decode([]byte(certificate))
	if block == nil {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false
	}
	key, isRSA := cert.PublicKey.(*rsa.PublicKey)
	sig, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || !isRSA {
		return false
	}
	_, err = sig.Verify(key)
	return err == nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.MarshalIndent(v, "", "   ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // nobody is left to tell
}

// node is an XML element without regard to prefixes.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Nodes   []node     `xml:",any"`
}

// at is the first element along a path; nil where there is none.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		found := false
		for i := range n.Nodes {
			if n.Nodes[i].XMLName.Local == name {
				n, found = &n.Nodes[i], true
				break
			}
		}
		if !found {
			return nil
		}
	}
	return n
}

// text is the first element's text along a path; "" where there is none.
func (n *node) text(path ...string) string {
	if e := n.at(path...); e != nil {
		return strings.TrimSpace(e.Text)
	}
	return ""
}

// texts are those of all children of a name.
func (n *node) texts(name string) []string {
	var all []string
	for _, c := range n.Nodes {
		if c.XMLName.Local == name {
			all = append(all, strings.TrimSpace(c.Text))
		}
	}
	return all
}

// envelope reads a SOAP request: its header and the element in its body.
func envelope(r *http.Request) (header, operation *node, ok bool) {
	var all node
	if err := xml.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20)).Decode(&all); err != nil {
		return nil, nil, false
	}
	body := all.at("Body")
	if body == nil || len(body.Nodes) == 0 {
		return nil, nil, false
	}
	if header = all.at("Header"); header == nil {
		header = &node{}
	}
	return header, &body.Nodes[0], true
}

// writeSOAP answers with an envelope whose prefixes are its own.
func writeSOAP(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/xml;charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>
<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
 <S:Body>
  %s
 </S:Body>
</S:Envelope>`, body) // nobody is left to tell
}

func soapFault(w http.ResponseWriter, code, text string) {
	writeSOAP(w, http.StatusInternalServerError, "<S:Fault><faultcode>f:"+xmlText(code)+"</faultcode><faultstring>"+xmlText(text)+"</faultstring></S:Fault>")
}

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// salesforceID makes an id of 18 characters of a prefix and a number: the last three tell which of the others are capitals
// (crm-wire 3.1).
func salesforceID(prefix string, n int) string {
	id := prefix + fmt.Sprintf("Kx%010X", n)
	for part := range 3 {
		bits := 0
		for i, c := range id[part*5 : part*5+5] {
			if c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		id += "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits : bits+1]
	}
	return id
}

func guid() string {
	h := hex.EncodeToString([]byte(random()))[:32]
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// now is the time that the clouds tell.
func now() time.Time { return time.Now().UTC() }
