package workbench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

const (
	signInPath  = Path + "/sign-in"
	linkPath    = Path + "/first" // has the parameter token
	signOutPath = Path + "/sign-out"
)

// How long a session and a one-time link last, in machine time: nobody signs himself out by moving a clock.
const (
	sessionLife = 12 * time.Hour
	linkLife    = time.Hour
)

// maxSessions bounds those that are kept; the one that ends first goes first.
const maxSessions = 1000

// secretBytes is the length of cookies and one-time links.
const secretBytes = 32

// formToken is the name of the hidden field with the session's token.
const formToken = ui.TokenField

// hash is what is kept of a cookie or a link.
type hash [sha256.Size]byte

func hashed(secret string) hash { return sha256.Sum256([]byte(secret)) }

// session is one browser's. It lives in memory: a program that starts anew asks for the token again.
type session struct {
	holder Holder
	until  time.Time
}

// sessions are those of all browsers, with the one one-time link.
type sessions struct {
	name   string // of the cookie; loopback ports share their cookies, so it says whose it is
	secure bool

	mu   *sync.Mutex
	all  map[hash]session
	link *struct { // nil for none
		hash hash
		till time.Time
	}
}

func newSessions(baseURL string) sessions {
	s := sessions{name: "twinspan_workbench", secure: strings.HasPrefix(baseURL, "https://"), mu: new(sync.Mutex), all: map[hash]session{}}
	if s.secure {
		s.name = "__Host-" + s.name
	}
	return s
}

// cookie is the request's; "" where it is absent or too long to be ours.
func (s *sessions) cookie(r *http.Request) string {
	ck, err := r.Cookie(s.name)
	if err != nil || len(ck.Value) > 200 {
		return ""
	}
	return ck.Value
}

func (s *sessions) send(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: s.name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode})
}

// holder is whose session the cookie is.
func (s *sessions) holder(cookie string, now time.Time) (Holder, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.all[hashed(cookie)]
	if !ok || !now.Before(one.until) {
		return Holder{}, false
	}
	return one.holder, true
}

// begin makes a session and sends its cookie.
func (s *sessions) begin(w http.ResponseWriter, h Holder, now time.Time) {
	cookie := oauth.NewToken(secretBytes)
	s.mu.Lock()
	var first hash
	var end time.Time
	for key, one := range s.all {
		if !now.Before(one.until) {
			delete(s.all, key)
		} else if end.IsZero() || one.until.Before(end) {
			first, end = key, one.until
		}
	}
	if len(s.all) >= maxSessions {
		delete(s.all, first)
	}
	s.all[hashed(cookie)] = session{h, now.Add(sessionLife)}
	s.mu.Unlock()
	s.send(w, cookie, int(sessionLife.Seconds()))
}

func (s *sessions) end(cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, hashed(cookie))
}

// newLink makes a one-time link's token; the one before is good no longer.
func (s *sessions) newLink(now time.Time) string {
	token := oauth.NewToken(secretBytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link = &struct {
		hash hash
		till time.Time
	}{hashed(token), now.Add(linkLife)}
	return token
}

// useLink uses a one-time link up.
func (s *sessions) useLink(token string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := hashed(token)
	if s.link == nil || !hmac.Equal(s.link.hash[:], given[:]) || !now.Before(s.link.till) {
		return false
	}
	s.link = nil
	return true
}

// token is what the forms of the session with this cookie carry, so that no other page can make them.
func token(cookie string) string {
	mac := hmac.New(sha256.New, []byte(cookie))
	mac.Write([]byte("twinspan/workbench/form/v1"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// owns reports whether a form's token is the session's.
func (v *visit) owns(given string) bool { return hmac.Equal([]byte(token(v.cookie)), []byte(given)) }

// owned adds the session's token to a form.
func (v *visit) owned(f ui.Form) ui.Form {
	f.Fields = append([]ui.Field{v.hidden()}, f.Fields...)
	return f
}

// hidden is the field with the session's token.
func (v *visit) hidden() ui.Field {
	return ui.Field{Type: ui.HiddenField, Name: formToken, Value: token(v.cookie)}
}

// Link makes the one-time link by which whoever has it opens the workbench as the operator. It lasts for an hour; the one
// that was made before works no more.
func (s *Server) Link() string {
	return s.BaseURL + linkPath + "?" + url.Values{"token": {s.sessions.newLink(s.Machine())}}.Encode()
}

// signInPage asks for a token. Parameter: return, the page to come back to.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	query, err := web.Query(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, signInForm(query.Get("return"), ""))
}

func signInForm(back, wrong string) ui.Page {
	return ui.Page{Title: "Sign in to the workbench", Narrow: true, Blocks: []ui.Block{
		ui.Text("The pages of the control surface are for whoever has its token: control.token in the ready file, or the link that twinspan up prints when it starts."),
		ui.Form{
			Action: signInPath, Fields: []ui.Field{
				{Type: ui.HiddenField, Name: "return", Value: localPath(back)},
				{Type: ui.PasswordField, Name: "token", Label: "Control token", Required: true, Autocomplete: "off", Error: wrong, Hint: "A pair's own token opens that pair's clock."},
			}, Submits: []ui.Submit{{Label: "Sign in"}},
		},
	}}
}

// localPath is a page of the workbench to come back to; the first one where it is none.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || len(path) > 2000 || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, Path) ||
		strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }) {
		return Path
	}
	return path
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	holder, ok := s.Holder(form.Get("token"))
	if !ok {
		err := fault.New(fault.Denied, codeWrongToken, "This is no token of the control API.")
		s.write(w, r, fault.KindOf(err).HTTPStatus(), signInForm(form.Get("return"), fault.Of(err).Message))
		return
	}
	s.enter(w, r, holder, form.Get("return"))
}

// enter begins a session in place of the browser's last one.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, h Holder, back string) {
	s.sessions.end(s.sessions.cookie(r))
	s.sessions.begin(w, h, s.Machine())
	redirect(w, r, localPath(back))
}

// linkPage is where the one-time link leads. A form uses it up, so that whatever looks at addresses by itself does not.
func (s *Server) linkPage(w http.ResponseWriter, r *http.Request) {
	query, err := web.Query(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.write(w, r, http.StatusOK, ui.Page{Title: "Open the workbench", Narrow: true, Blocks: []ui.Block{
		ui.Text("The link works once. Your browser stays signed in for 12 hours."),
		ui.Form{Action: linkPath, Fields: []ui.Field{{Type: ui.HiddenField, Name: "token", Value: query.Get("token")}}, Submits: []ui.Submit{{Label: "Open the workbench"}}},
	}})
}

func (s *Server) enterByLink(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	if err == nil && !s.sessions.useLink(form.Get("token"), s.Machine()) {
		err = fault.New(fault.Denied, codeUsedLink, "The link was used, has been replaced by a newer one, or is older than an hour. Sign in with the token of the ready file at %s.", s.BaseURL+signInPath)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.enter(w, r, Holder{All: true}, Path)
}

func (s *Server) signOut(v *visit) (ui.Page, error) {
	s.sessions.end(v.cookie)
	s.sessions.send(v.w, "", -1)
	return v.goTo(signInPath, "")
}
