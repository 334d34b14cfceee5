package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/signin"
)

// cookies are Connect's four: one names the browser, so that a sign-in begun in it can only end in it, one the visitor's
// session on the Marketing Cloud tab, one that of the console, and one keeps
// what somebody said on the guides' pages. Loopback ports share their cookies, so the names say whose they are. Over https they have the
// __Host- prefix, which ties them to this host and path.
type cookies struct {
	visitor string // names the browser
	session string
	console string
	planned string // who is to be the system user, with the pair
	secure  bool
}

func newCookies(secure bool) cookies {
	prefix := ""
	if secure {
		prefix = "__Host-"
	}
	return cookies{visitor: prefix + "twinspan_connect_browser", session: prefix + "twinspan_connect_session", console: access.CookieName(secure), planned: prefix + "twinspan_connect_system_user", secure: secure}
}

// get is the cookie's value; "" where it is absent or too long to be ours.
func (c cookies) get(r *http.Request, name string) string {
	ck, err := r.Cookie(name)
	if err != nil || len(ck.Value) > 200 {
		return ""
	}
	return ck.Value
}

// set sends a cookie. SameSite is Lax because the clouds send the browser back by a link from another site. maxAge is
// in seconds; 0 lets the cookie end with the browser.
func (c cookies) set(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode})
}

func (c cookies) drop(w http.ResponseWriter, name string) { c.set(w, name, "", -1) }

// browser is the value that names this browser; a browser without one gets one.
func (c cookies) browser(w http.ResponseWriter, r *http.Request) string {
	if value := c.get(r, c.visitor); value != "" {
		return value
	}
	value := signin.NewCookie()
	c.set(w, c.visitor, value, 0)
	return value
}
