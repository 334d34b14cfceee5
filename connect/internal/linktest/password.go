package linktest

import (
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/twinspan/twinspan/internal/oauth"
)

// passwords is what a test tenant remembers of sign-ins by password.
type passwords struct {
	refresh map[string]grant // by refresh token
	locked  map[string]bool
	expired map[string]bool
	plain   map[string]bool // users who are no API users
	off     bool            // username-password for web services is switched off
}

// SetPassword changes a user's password, which ends his sessions, tokens and grant, as it does an API user's.
func (v *Tenant) SetPassword(username, password string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.people[username]
	p.Password = password
	v.people[username] = p
	put(&v.passwords.expired, username, false)
	delete(v.grants, username)
	for token, g := range v.passwords.refresh {
		if g.username == username && g.client != v.ClientID {
			delete(v.passwords.refresh, token)
		}
	}
	for token, g := range v.tokens {
		if g.username == username {
			delete(v.tokens, token)
		}
	}
	clear(v.cookies)
}

// Lock locks a user, or no longer; his tokens live on.
func (v *Tenant) Lock(username string, yes bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	put(&v.passwords.locked, username, yes)
	clear(v.cookies)
}

// ExpirePassword lets a user's password be out of date.
func (v *Tenant) ExpirePassword(username string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	put(&v.passwords.expired, username, true)
	clear(v.cookies)
}

// WebServicePasswords is "Enable Username and Password for Web Services".
func (v *Tenant) WebServicePasswords(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.passwords.off = !on
}

// SetPackage gives the customer's package another secret for the client that works as itself, and ends its tokens.
func (v *Tenant) SetPackage(server, web Client) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.Server, v.Web = server, web
	clear(v.tokens)
}

// TickAPIUser makes a user an API user, or none.
func (v *Tenant) TickAPIUser(username string, yes bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	put(&v.passwords.plain, username, !yes)
}

// RefreshToken makes one of a user, as a code of Connect's own package is exchanged for.
func (v *Tenant) RefreshToken(username string) string { return v.RefreshTokenOf(v.ClientID, username) }

// RefreshTokenOf makes one of a user for any client.
func (v *Tenant) RefreshTokenOf(client, username string) string {
	token := "refresh-" + oauth.NewToken(16)
	v.mu.Lock()
	defer v.mu.Unlock()
	put(&v.passwords.refresh, token, grant{username: username, client: client})
	return token
}

// keepsOut answers the login form for who may not sign in or needs a new password.
func (v *Tenant) keepsOut(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	name := r.PostFormValue("username")
	v.mu.Lock()
	p, locked, expired := v.people[name], v.passwords.locked[name], v.passwords.expired[name]
	v.mu.Unlock()
	wrong := p.Password != r.PostFormValue("password")
	if !wrong && !locked && !expired {
		return false
	}
	form, text := `<input name="username"><input type="password" name="password">`, "The user name or password is wrong, or the user is locked or disabled."
	if expired && !wrong && !locked {
		form, text = form+`<input type="password" name="new_password">`, "Choose a new password"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!doctype html><title>Sign in</title><p>`+text+`</p><form method="post" action="`+html.EscapeString(r.URL.RequestURI())+`">`+form+`<button>Sign in</button></form>`)
	return true
}

// soapUser is whom an envelope signs in; "" where nobody. The tenant's lock is held.
func (v *Tenant) soapUser(envelope string) string {
	// The first element of the name, whatever its prefix and attributes.
	value := func(name string) string {
		at := regexp.MustCompile(`<(?:\w+:)?` + name + `(?: [^>]*)?>([^<]*)<`).FindStringSubmatch(envelope)
		if at == nil {
			return ""
		}
		return html.UnescapeString(at[1])
	}
	if !strings.Contains(envelope, "UsernameToken") {
		return v.tokens[value("fueloauth")].username
	}
	name := value("Username")
	p := v.people[name]
	if p.Password == "" || value("Password") != p.Password || v.passwords.off || v.passwords.plain[name] || v.passwords.locked[name] || v.passwords.expired[name] {
		return ""
	}
	return name
}
