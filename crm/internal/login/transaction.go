package login

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// transaction is a sign-in on its way: what the client asked for and how far the user has come. It is kept by the
// browser, sealed, so that nothing in it can be changed; it opens only in the browser it was made for, so that nobody
// can be made to finish another's (dex's flaw, AZ-20 of the security reference).
type transaction struct {
	ID        int64     `json:"n"` // number of the code to come; a second answer meets its key
	Made      time.Time `json:"at"`
	Consumer  string    `json:"c,omitempty"` // consumer key; "" for a plain sign-in
	Redirect  string    `json:"r,omitempty"`
	State     string    `json:"s,omitempty"`
	HasState  bool      `json:"hs,omitempty"`
	Scopes    []string  `json:"sc,omitempty"`
	Challenge string    `json:"ch,omitempty"`
	Response  string    `json:"rt,omitempty"` // responseToken or responseIDToken; "" for a code
	Nonce     string    `json:"no,omitempty"`
	LoginHint string    `json:"lh,omitempty"`
	// ForceLogin, ForceConsent and Silent come from prompt and immediate; MaxAge is in seconds, -1 for none.
	ForceLogin   bool `json:"fl,omitempty"`
	ForceConsent bool `json:"fc,omitempty"`
	Silent       bool `json:"si,omitempty"`
	MaxAge       int  `json:"ma"`
	// Session is the browser session that signed in for this, or that the consent page was shown to; 0 before.
	Session int64 `json:"b,omitempty"`
	// Device is the number of the device request that the consent page was shown for; 0 for another page.
	Device int64 `json:"d,omitempty"`
	// Then is where a plain sign-in leads: a path of this server.
	Then string `json:"t,omitempty"`
	// Expired is the user, of ExpiredOrg, who showed the right password when it had expired: he may set another.
	Expired    string `json:"ex,omitempty"`
	ExpiredOrg string `json:"exo,omitempty"`
	// Shown is which password it was (org.Checked), and ShownAt when, in machine time.
	Shown   []byte    `json:"exp,omitempty"`
	ShownAt time.Time `json:"ext,omitzero"`
}

// subtype is the LoginHistory subtype of the flow that a client began; "" for a plain sign-in.
func (t *transaction) subtype() string {
	switch {
	case t.Consumer == "":
		return ""
	case t.Response != "":
		return org.SubtypeUserAgent
	}
	return org.SubtypeWebServer
}

// transactionLife is how long a page waits for its answer, in machine time.
const transactionLife = time.Hour

func (s *Server) newTransaction() *transaction {
	return &transaction{ID: s.numbers.Next(), Made: s.clock.Machine().UTC(), MaxAge: -1}
}

// seal makes the text that the browser keeps.
func (s *Server) seal(t *transaction, browser string) (string, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	sealed, err := s.vault.Seal(plain, transactionPlace(browser))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

func transactionPlace(browser string) []byte { return []byte("login:transaction:" + browser) }

// unseal reads what seal made for the same browser.
func (s *Server) unseal(text, browser string) (*transaction, error) {
	closed := fault.New(fault.Denied, codeTransactionClosed, "This page is too old, or it was opened in another browser. Please start again.")
	if browser == "" || text == "" {
		return nil, closed
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, closed
	}
	plain, err := s.vault.Open(sealed, transactionPlace(browser))
	if err != nil {
		return nil, closed
	}
	t := &transaction{}
	if err := json.Unmarshal(plain, t); err != nil {
		return nil, closed
	}
	if age := s.clock.Machine().Sub(t.Made); age > transactionLife || age < -time.Minute {
		return nil, closed
	}
	return t, nil
}

// Cookies. A page of a sibling host must not be able to set them: on https they have the __Host- prefix. Browsers keep
// ports of one host apart by nothing, so two servers on one machine sign each other's visitors out.
const (
	sessionCookie = "crm-sid"     // access token of the browser's session
	browserCookie = "crm-browser" // random; what transactions are bound to
)

func (s *Server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s *Server) setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{Name: s.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *Server) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil || len(c.Value) > 200 {
		return ""
	}
	return c.Value
}

// browser names the browser, and gives it a name where it has none.
func (s *Server) browser(w http.ResponseWriter, r *http.Request) string {
	if b := s.cookie(r, browserCookie); len(b) == 43 {
		return b
	}
	var room [32]byte
	_, _ = rand.Read(room[:]) // never fails: crypto/rand ends the program instead
	b := base64.RawURLEncoding.EncodeToString(room[:])
	s.setCookie(w, browserCookie, b)
	return b
}
