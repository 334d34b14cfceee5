package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestSignInPage(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		f := h.flow(h.Web)
		page := b.get(f.path())
		if page.status != 200 || !strings.Contains(page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || page.header.Get("X-Frame-Options") != "DENY" ||
			!strings.Contains(page.header.Get("Cache-Control"), "no-store") || page.header.Get("Referrer-Policy") != "no-referrer" {
			h.Fatalf("headers: %v", page.header)
		}
		if strings.Contains(page.text, "<script") || !strings.Contains(page.text, "Web") {
			h.Fatalf("page: %s", page.text)
		}
		// It says which application asks, of which account, and for whom.
		for hint, want := range map[string][]string{
			"":                   {"Log in to let Web act for you.", "EID"},
			"api user":           {"Log in to let Web act for you."}, // nobody is called so
			h.Sender:             {"It asks for the user " + h.Sender + ".", `value="` + h.Sender + `"`},
			`"><script>alert(1)`: {"&lt;script&gt;"},
		} {
			asked := h.flow(h.Web)
			asked.extra = url.Values{"login_hint": {hint}}
			a := b.get(asked.path())
			for _, text := range want {
				if !strings.Contains(a.text, text) {
					h.Errorf("asked for %q the page does not say %q: %s", hint, text, a.text)
				}
			}
			if strings.Contains(a.text, "<script>") || strings.Contains(a.text, "api user") {
				h.Errorf("asked for %q: %s", hint, a.text)
			}
		}
		if connect := b.get(h.flow(h.Connect).path()); !strings.Contains(connect.text, "it asks for the API user of Marketing Cloud Connect") {
			h.Errorf("Connect's: %s", connect.text)
		}
		for _, c := range page.header["Set-Cookie"] {
			if !strings.Contains(c, "HttpOnly") || !strings.Contains(c, "SameSite=Lax") {
				h.Fatalf("cookie: %s", c)
			}
		}
		// Whoever opens the tenant's address is led to a form too.
		if front := h.browser().get("/"); front.status != 303 || front.header.Get("Location") != "/v2/signin" {
			h.Fatalf("the front: %d %s", front.status, front.text)
		}
		token := b.formToken(page)
		// Wrong: the page again, with the name, without the password, whatever is wrong.
		other := tenanttest.Spec()
		h.make(other)
		var texts []string
		for _, c := range [][2]string{{h.Sender, "wrong password"}, {"nobody", tenanttest.Password}, {other.Sender, tenanttest.Password}, {"Server app user", ""}, {h.Sender + "\u212a", tenanttest.Password}} {
			if c[1] == "" {
				c[1] = "x"
			}
			a := b.post(f.path(), url.Values{"form_token": {token}, "username": {c[0]}, "password": {c[1]}})
			if a.status != 401 || strings.Contains(a.text, c[1]+`"`) || strings.Contains(a.header.Get("Set-Cookie"), "mce_session") {
				h.Fatalf("%v: %d %s", c, a.status, a.text)
			}
			i := strings.Index(a.text, "You are not logged in")
			texts = append(texts, a.text[i:i+200])
		}
		for _, text := range texts {
			if text != texts[0] {
				h.Fatalf("texts differ:\n%s\n%s", texts[0], text)
			}
		}
		if a := b.post(f.path(), url.Values{"form_token": {token}, "username": {h.Sender}}); a.status != 400 {
			h.Fatalf("no password: %d", a.status)
		}
		if a := b.post(f.path(), url.Values{"form_token": {token}, "username": {`"><script>alert(1)</script>`}, "password": {"x"}}); strings.Contains(a.text, "<script") {
			h.Fatal("the name is not escaped")
		}
		a := b.post(f.path(), url.Values{"form_token": {token}, "username": {" " + h.Sender + " "}, "password": {tenanttest.Password}})
		if a.status != http.StatusSeeOther || b.back(f, a).Get("code") == "" {
			h.Fatalf("right: %d %s", a.status, a.text)
		}
	})
}

func TestForgedForms(t *testing.T) {
	each(t, func(h *house) {
		b, mallory := h.browser(), h.browser()
		f := h.flow(h.Web)
		mine, theirs := b.formToken(b.get(f.path())), mallory.formToken(mallory.get(f.path()))
		right := url.Values{"username": {h.Sender}, "password": {tenanttest.Password}}
		for name, token := range map[string][]string{"none": nil, "empty": {""}, "another browser's": {theirs}} {
			right["form_token"] = token
			if a := b.post(f.path(), right); a.status != 403 || a.header.Get("Location") != "" {
				h.Errorf("%s: %d", name, a.status)
			}
		}
		right["form_token"] = []string{mine}
		if a := h.browser().post(f.path(), right); a.status != 403 {
			h.Errorf("without cookie: %d", a.status)
		}
		r := h.request("POST", f.path(), "application/x-www-form-urlencoded", right.Encode())
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.AddCookie(&http.Cookie{Name: "mce_form", Value: mine})
		if a := h.do(r); a.status != 403 {
			h.Errorf("cross-site: %d", a.status)
		}
		// The request in the form's address is checked again.
		f.extra = url.Values{"redirect_uri": {"https://evil.example/"}}
		if a := b.post(f.path(), right); a.status != 400 || a.header.Get("Location") != "" {
			h.Errorf("changed redirect: %d", a.status)
		}
		f.extra = nil
		if a := b.post(f.path(), right); a.status != 303 {
			h.Errorf("the real one: %d", a.status)
		}
	})
}

func TestLockout(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		f := h.flow(h.Web)
		token := b.formToken(b.get(f.path()))
		try := func(name, password string) int {
			return b.post(f.path(), url.Values{"form_token": {token}, "username": {name}, "password": {password}}).status
		}
		// Four wrong ones and a right one: the count begins anew. Spelling does not split the count, nor does the door.
		for range 4 {
			try(h.API, "wrong")
		}
		if try(h.API, tenanttest.Password) != 303 {
			h.Fatal("locked too early")
		}
		for i, name := range []string{h.API, strings.ToUpper(h.API), " " + h.API, h.API} {
			if i == 2 {
				if _, err := h.auth.Password(h.Context(), h.API, "wrong"); err == nil {
					h.Fatal("a wrong password opened the web services")
				}
			}
			try(name, "wrong")
		}
		if try(h.API, tenanttest.Password) != 401 {
			h.Fatal("not locked after five")
		}
		if _, err := h.auth.Password(h.Context(), h.API, tenanttest.Password); err == nil {
			h.Fatal("locked on one door only")
		}
		// Time does not unlock; an admin does.
		h.advance(48 * time.Hour)
		if try(h.API, tenanttest.Password) != 401 {
			h.Fatal("time unlocked the user")
		}
		if err := h.signIns.Unlock(h.Context(), h.EID, h.user(h.API).ID); err != nil {
			h.Fatal(err)
		}
		if try(h.API, tenanttest.Password) != 303 {
			h.Fatal("unlocking did not help")
		}
	})
}

// TestLockoutRace: of many wrong passwords at once no more are evaluated than the limit says.
func TestLockoutRace(t *testing.T) {
	each(t, func(h *house) {
		// On a busy machine some of a burst are told to come back; so there are several bursts.
		for range 20 {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					_, err := h.signIns.Check(h.Context(), h.Sender, "wrong")
					if kind := fault.KindOf(err); err == nil || kind != fault.Unauthenticated && kind != fault.Unavailable {
						h.Errorf("a wrong password: %v", err)
					}
				})
			}
			all.Wait()
			if !h.user(h.Sender).Locked.IsZero() {
				break
			}
		}
		if u := h.user(h.Sender); u.FailedLogins != 5 || u.Locked.IsZero() {
			h.Fatalf("%d wrong passwords evaluated, locked %v", u.FailedLogins, u.Locked)
		}
	})
}

func TestPasswordOfWebServices(t *testing.T) {
	each(t, func(h *house) {
		for range 3 {
			p, err := h.auth.Password(h.Context(), h.API, tenanttest.Password)
			if err != nil || p.Username != h.API || p.ClientID != "" || !p.HasScope("users_write") || !p.Can("Users.Write") || int64(p.MID) != int64(h.EID) {
				h.Fatalf("%+v %v", p, err)
			}
			for name, c := range map[string][2]string{
				"wrong": {h.API, "wrong"}, "no API user": {h.Sender, tenanttest.Password}, "nobody": {"nobody", tenanttest.Password},
				"empty": {h.API, ""}, "temporary": {h.Temporary, tenanttest.Password},
			} {
				if _, err := h.auth.Password(h.Context(), c[0], c[1]); err == nil {
					h.Errorf("%s: let in", name)
				}
			}
			if err := h.signIns.Unlock(h.Context(), h.EID, h.user(h.API).ID); err != nil {
				h.Fatal(err)
			}
		}
		// Remembered, and still: a new hash, a disabled user and the account's switch decide.
		h.sql(`UPDATE tenant SET settings = $2 WHERE eid = $1`, int64(h.EID), `{"no_soap_passwords":true}`)
		if _, err := h.auth.Password(h.Context(), h.API, tenanttest.Password); err == nil {
			h.Error("the account's switch does nothing")
		}
		h.sql(`UPDATE tenant SET settings = '{}' WHERE eid = $1`, int64(h.EID))
		if err := h.signIns.ChangePassword(h.Context(), h.API, tenanttest.Password, "another password"); err != nil {
			h.Fatal(err)
		}
		if _, err := h.auth.Password(h.Context(), h.API, tenanttest.Password); err == nil {
			h.Error("the old password is remembered")
		}
		if _, err := h.auth.Password(h.Context(), h.API, "another password"); err != nil {
			h.Error(err)
		}
		h.sql(`UPDATE account_user SET is_active = 0 WHERE username = $1`, h.API)
		if _, err := h.auth.Password(h.Context(), h.API, "another password"); err == nil {
			h.Error("a disabled user is remembered")
		}
	})
}

func TestTemporaryPassword(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		f := h.flow(h.Connect)
		token := b.formToken(b.get(f.path()))
		form := url.Values{"form_token": {token}, "username": {h.Temporary}, "password": {tenanttest.Password}}
		a := b.post(f.path(), form)
		if a.status != 200 || !strings.Contains(a.text, "new_password_again") || strings.Contains(a.header.Get("Set-Cookie"), "mce_session") {
			h.Fatalf("the temporary password: %d %s", a.status, a.text)
		}
		for name, c := range map[string]struct {
			old, fresh, again string
			status            int
		}{
			"short":     {tenanttest.Password, "short", "short", 400},
			"the same":  {tenanttest.Password, tenanttest.Password, tenanttest.Password, 400},
			"the name":  {tenanttest.Password, h.Temporary, h.Temporary, 400},
			"mistyped":  {tenanttest.Password, "new password 1", "new password 2", 400},
			"wrong old": {"wrong", "new password 1", "new password 1", 401},
			"too long":  {tenanttest.Password, strings.Repeat("x", 300), strings.Repeat("x", 300), 400},
		} {
			form["password"], form["new_password"], form["new_password_again"] = []string{c.old}, []string{c.fresh}, []string{c.again}
			if a := b.post(f.path(), form); a.status != c.status || a.header.Get("Location") != "" {
				h.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		form["password"], form["new_password"], form["new_password_again"] = []string{tenanttest.Password}, []string{"new password 1"}, []string{"new password 1"}
		a = b.post(f.path(), form)
		if a.status != 303 {
			h.Fatalf("changing: %d %s", a.status, a.text)
		}
		h.granted(h.token(h.exchange(f, b.back(f, a).Get("code"))))
		h.granted(h.token(h.assert(h.Temporary, nil)))
		if _, err := h.signIns.Check(h.Context(), h.Temporary, tenanttest.Password); err == nil {
			h.Fatal("the temporary password still opens")
		}
	})
}

// TestAnotherTenantsUser: at a package's page a user of another tenant is as unknown as anybody, with his temporary password
// too, and his password is not changed for him.
func TestAnotherTenantsUser(t *testing.T) {
	each(t, func(h *house) {
		other := tenanttest.Spec()
		h.make(other)
		f, b := h.flow(h.Web), h.browser()
		form := url.Values{"form_token": {b.formToken(b.get(f.path()))}, "username": {other.Temporary}, "password": {tenanttest.Password}}
		a := b.post(f.path(), form)
		if a.status != 401 || strings.Contains(a.text, "new_password") || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Form ") {
			h.Fatalf("his temporary password: %d %v %s", a.status, a.header, a.text)
		}
		form["new_password"], form["new_password_again"] = []string{"new password 1"}, []string{"new password 1"}
		if a := b.post(f.path(), form); a.status != 401 {
			h.Fatalf("a change: %d %s", a.status, a.text)
		}
		if u := h.user(other.Temporary); !u.MustChange || u.FailedLogins != 0 {
			h.Fatalf("the user is changed: %+v", u)
		}
	})
}

// TestAPIUsersNewPasswordSeversTheLink is engagement-wire 5: a changed password of the API user ends what stood on it.
func TestAPIUsersNewPasswordSeversTheLink(t *testing.T) {
	each(t, func(h *house) {
		a := h.sign(h.Connect, h.API)
		minted := h.granted(h.token(h.assert(h.API, nil)))
		if err := h.signIns.ChangePassword(h.Context(), h.API, tenanttest.Password, "another password"); err != nil {
			h.Fatal(err)
		}
		h.refused(h.token(h.assert(h.API, nil)), 400, "invalid_grant")
		h.refused(h.token(m{"grant_type": "refresh_token", "client_id": h.Connect, "refresh_token": a.str("refresh_token")}), 400, "invalid_grant")
		if h.alive(minted) || h.alive(a.str("access_token")) {
			h.Fatal("old tokens are honoured")
		}
		// Another user's change of password leaves his grant.
		h.sign(h.Connect, h.Sender)
		if err := h.signIns.ChangePassword(h.Context(), h.Sender, tenanttest.Password, "another password"); err != nil {
			h.Fatal(err)
		}
		h.granted(h.token(h.assert(h.Sender, nil)))
	})
}

func TestSessions(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		f := h.flow(h.Web)
		b.signIn(f, h.Sender, tenanttest.Password)
		silent := func(b *browser) bool {
			a := b.get(h.flow(h.Web).path())
			if a.status != 200 && a.status != 302 {
				h.Fatalf("%d %s", a.status, a.text)
			}
			return a.status == 302
		}
		// It lives as long as it is used.
		for range 3 {
			h.advance(19 * time.Minute)
			if !silent(b) {
				h.Fatal("ended while in use")
			}
		}
		if h.browser(); silent(h.browser()) {
			h.Fatal("another browser has the session")
		}
		// prompt=login asks all the same.
		f.extra = url.Values{"prompt": {"login"}}
		if a := b.get(f.path()); a.status != 200 {
			h.Fatalf("prompt=login: %d", a.status)
		}
		h.advance(21 * time.Minute)
		if silent(b) {
			h.Fatal("alive after 20 minutes without use")
		}
		// Disabled, locked: no session.
		b = h.browser()
		b.signIn(h.flow(h.Web), h.Sender, tenanttest.Password)
		h.sql(`UPDATE account_user SET is_active = 0 WHERE username = $1`, h.Sender)
		if silent(b) {
			h.Fatal("a disabled user has a session")
		}
		// A user of another tenant has none here.
		other := tenanttest.Spec()
		h.make(other)
		b = h.browser()
		b.signIn(h.flow(h.Web), h.Admin, tenanttest.Password)
		if a := b.get(h.flow(other.Web).path()); a.status != 200 {
			h.Fatalf("at another tenant's package: %d", a.status)
		}
	})
}

func TestLogout(t *testing.T) {
	each(t, func(h *house) {
		b, elsewhere := h.browser(), h.browser()
		f, offline := h.flow(h.Web), h.flow(h.Web)
		f.extra = url.Values{"scope": {"email_read"}}
		offline.extra = url.Values{"scope": {"email_read offline"}}
		short := h.token(h.exchange(f, b.signIn(f, h.Sender, tenanttest.Password).Get("code")))
		long := h.token(h.exchange(offline, b.back(offline, b.get(offline.path())).Get("code")))
		elsewhere.signIn(f, h.Sender, tenanttest.Password)

		page := b.get("/v2/logout")
		if page.status != 200 || !strings.Contains(page.text, h.Sender) || strings.Count(page.text, "Go-http-client") != 2 {
			h.Fatalf("the list of sessions: %d %s", page.status, page.text)
		}
		if a := b.post("/v2/logout", url.Values{"form_token": {"forged"}}); a.status != 403 {
			h.Fatalf("forged: %d", a.status)
		}
		if a := b.post("/v2/logout", url.Values{"form_token": {b.formToken(page)}, "which": {"this"}}); a.status != 200 {
			h.Fatalf("logout: %d %s", a.status, a.text)
		}
		if b.get(f.path()).status != 200 || elsewhere.get(f.path()).status != 302 {
			h.Fatal("the wrong session ended")
		}
		// Tokens without offline ended with it (engagement-wire 2.1).
		if h.alive(short.str("access_token")) || !h.alive(long.str("access_token")) {
			h.Fatal("the wrong tokens ended")
		}
		refresh := func(token string) answer {
			return h.token(m{"grant_type": "refresh_token", "client_id": h.Web, "client_secret": tenanttest.WebSecret, "refresh_token": token})
		}
		h.refused(refresh(short.str("refresh_token")), 400, "invalid_grant")
		h.granted(refresh(long.str("refresh_token")))

		b.signIn(f, h.Sender, tenanttest.Password)
		page = b.get("/v2/logout")
		b.post("/v2/logout", url.Values{"form_token": {b.formToken(page)}, "which": {"all"}})
		if elsewhere.get(f.path()).status != 200 || b.get(f.path()).status != 200 {
			h.Fatal("signing out everywhere left a session")
		}
		if page := b.get("/v2/logout"); page.status != 200 || !strings.Contains(page.text, "logged out") {
			h.Fatalf("%d %s", page.status, page.text)
		}
	})
}

// TestLogoutAfterIdling: who comes back later and signs out, here or everywhere, ends what lives on sessions that lapsed,
// and so do a sign-in in the same browser, and a new password (engagement-wire 2.1).
func TestLogoutAfterIdling(t *testing.T) {
	each(t, func(h *house) {
		f := h.flow(h.Web)
		f.extra = url.Values{"scope": {"email_read"}}
		refresh := func(a answer) bool {
			r := h.token(m{"grant_type": "refresh_token", "client_id": h.Web, "client_secret": tenanttest.WebSecret, "refresh_token": a.str("refresh_token")})
			return r.status == 200
		}
		signIn := func(b *browser, user, password string) answer {
			a := h.token(h.exchange(f, b.signIn(f, user, password).Get("code")))
			h.granted(a)
			return a
		}
		logout := func(b *browser, which string) {
			page := b.get("/v2/logout")
			if page.status != 200 || strings.Contains(page.text, h.Sender) {
				h.Fatalf("the page of a lapsed session: %d %s", page.status, page.text)
			}
			if a := b.post("/v2/logout", url.Values{"form_token": {b.formToken(page)}, "which": {which}}); a.status != 200 {
				h.Fatalf("logout: %d %s", a.status, a.text)
			}
		}
		b, elsewhere := h.browser(), h.browser()
		here, there := signIn(b, h.Sender, tenanttest.Password), signIn(elsewhere, h.Sender, tenanttest.Password)
		h.advance(time.Hour)
		logout(b, "this")
		if refresh(here) {
			h.Fatal("the tokens outlive the log-out")
		}
		third := signIn(b, h.Sender, tenanttest.Password)
		h.advance(time.Hour)
		logout(b, "all")
		if refresh(there) || refresh(third) {
			h.Fatal("the tokens outlive the log-out everywhere")
		}
		before := signIn(b, h.Sender, tenanttest.Password)
		h.advance(time.Hour)
		signIn(b, h.Analyst, tenanttest.Password)
		if refresh(before) {
			h.Fatal("the tokens outlive another's sign-in in the browser")
		}
		// A new password, of whoever is no API user.
		old := signIn(h.browser(), h.Sender, tenanttest.Password)
		if err := h.signIns.ChangePassword(h.Context(), h.Sender, tenanttest.Password, "a new password 1"); err != nil {
			h.Fatal(err)
		}
		if h.alive(old.str("access_token")) || refresh(old) {
			h.Fatal("the tokens outlive the password")
		}
		if page := h.browser().get("/v2/logout"); !strings.Contains(page.text, "logged out") {
			h.Fatalf("nobody's log-out: %s", page.text)
		}
	})
}

// TestSignInEndsTheSessionBefore: the browser's earlier session, of whomever, does not stay behind.
func TestSignInEndsTheSessionBefore(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		f := h.flow(h.Web)
		b.signIn(f, h.Sender, tenanttest.Password)
		f.extra = url.Values{"prompt": {"login"}}
		b.signIn(f, h.Admin, tenanttest.Password)
		list, err := h.store.Sessions(h.Context(), h.EID, h.user(h.Sender).ID, 10)
		if err != nil || len(list) != 0 {
			h.Fatalf("%d sessions, %v", len(list), err)
		}
	})
}
