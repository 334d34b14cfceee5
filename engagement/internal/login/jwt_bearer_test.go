package login_test

import (
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/oauth"
)

func TestJWTBearer(t *testing.T) {
	each(t, func(h *house) {
		// No grant: nothing.
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
		h.sign(h.Connect, h.Sender)
		a := h.token(h.assert(h.Sender, nil))
		token := h.granted(a)
		if a.body["refresh_token"] != nil || a.body["expires_in"] != float64(1079) || !strings.Contains(a.str("scope"), "offline") {
			h.Fatalf("answer: %s", a.text)
		}
		p, err := h.auth.Token(h.Context(), token)
		if err != nil || p.Username != h.Sender || int64(p.MID) != int64(h.EID) || !p.Can("Email.Send") || p.Can("Users.Write") {
			h.Fatalf("principal: %+v %v", p, err)
		}
		// By the name in other letters, with a client_id, an account and a scope.
		q := h.assert(strings.ToUpper(h.Sender), nil)
		q["client_id"], q["account_id"], q["scope"] = h.Connect, int64(h.South), "email_read"
		p, err = h.auth.Token(h.Context(), h.granted(h.token(q)))
		if err != nil || p.MID != h.South || strings.Join(p.Scopes, " ") != "email_read" {
			h.Fatalf("principal: %+v %v", p, err)
		}
		// As a form, too, and for every audience that means this server.
		for _, aud := range []string{h.url, h.url + "/", h.url + "/v2/token"} {
			q := h.assert(h.Sender, func(c *oauth.Claims) { c.Audience = aud })
			h.granted(h.form(map[string][]string{"grant_type": {oauth.GrantJWTBearer}, "assertion": {q["assertion"].(string)}}))
		}
		// A user confined to one unit runs there, and nowhere else.
		h.sign(h.Connect, h.Local)
		if p, err = h.auth.Token(h.Context(), h.granted(h.token(h.assert(h.Local, nil)))); err != nil || p.MID != h.North {
			h.Fatalf("principal: %+v %v", p, err)
		}
		q = h.assert(h.Local, nil)
		q["account_id"] = int64(h.South)
		h.refused(h.token(q), 400, "invalid_request")
	})
}

func TestJWTBearerRefusals(t *testing.T) {
	each(t, func(h *house) {
		h.sign(h.Connect, h.Sender)
		other := tenanttest.Spec()
		h.make(other)
		stranger, err := oauth.NewKey()
		if err != nil {
			h.Fatal(err)
		}
		now := h.clock.Now(h.EID)
		for name, c := range map[string]struct {
			change func(*oauth.Claims)
			key    *rsa.PrivateKey
			status int
			code   string
		}{
			"stranger's key":    {nil, stranger, 400, "invalid_grant"},
			"no issuer":         {func(c *oauth.Claims) { c.Issuer = "" }, nil, 401, "invalid_client"},
			"unknown issuer":    {func(c *oauth.Claims) { c.Issuer = "nobodynobody" }, nil, 401, "invalid_client"},
			"server package":    {func(c *oauth.Claims) { c.Issuer = h.Server }, nil, 401, "unauthorized_client"},
			"web package":       {func(c *oauth.Claims) { c.Issuer = h.Web }, nil, 401, "unauthorized_client"},
			"another's package": {func(c *oauth.Claims) { c.Issuer = other.Connect }, nil, 400, "invalid_grant"},
			"no audience":       {func(c *oauth.Claims) { c.Audience = "" }, nil, 400, "invalid_grant"},
			"other audience":    {func(c *oauth.Claims) { c.Audience = h.url + ".evil/" }, nil, 400, "invalid_grant"},
			"audience in case":  {func(c *oauth.Claims) { c.Audience = strings.ToUpper(h.url) + "/" }, nil, 400, "invalid_grant"},
			"audience list": {func(c *oauth.Claims) {
				c.Audience, c.Extra = "", m{"aud": []string{h.url + "/", "https://evil.example/"}}
			}, nil, 400, "invalid_grant"},
			"audience twice":   {func(c *oauth.Claims) { c.Audience, c.Extra = "", m{"aud": []string{h.url + "/", h.url + "/"}} }, nil, 400, "invalid_grant"},
			"no expiry":        {func(c *oauth.Claims) { c.Expires = time.Time{} }, nil, 400, "invalid_grant"},
			"expired":          {func(c *oauth.Claims) { c.Expires = now.Add(-31 * time.Second) }, nil, 400, "invalid_grant"},
			"too long":         {func(c *oauth.Claims) { c.Expires = now.Add(6 * time.Minute) }, nil, 400, "invalid_grant"},
			"far too long":     {func(c *oauth.Claims) { c.Expires = now.Add(240 * time.Hour) }, nil, 400, "invalid_grant"},
			"not yet":          {func(c *oauth.Claims) { c.NotBefore = now.Add(61 * time.Second) }, nil, 400, "invalid_grant"},
			"issued tomorrow":  {func(c *oauth.Claims) { c.IssuedAt = now.Add(61 * time.Second) }, nil, 400, "invalid_grant"},
			"issued long ago":  {func(c *oauth.Claims) { c.IssuedAt = now.Add(-10 * time.Minute) }, nil, 400, "invalid_grant"},
			"no jti":           {func(c *oauth.Claims) { c.ID = "" }, nil, 400, "invalid_grant"},
			"jti of 4 KB":      {func(c *oauth.Claims) { c.ID = strings.Repeat("x", 4096) }, nil, 400, "invalid_grant"},
			"jti a number":     {func(c *oauth.Claims) { c.ID, c.Extra = "", m{"jti": 7} }, nil, 400, "invalid_grant"},
			"no subject":       {func(c *oauth.Claims) { c.Subject = "" }, nil, 400, "invalid_grant"},
			"unknown subject":  {func(c *oauth.Claims) { c.Subject = "nobody" }, nil, 400, "invalid_grant"},
			"no grant":         {func(c *oauth.Claims) { c.Subject = h.Admin }, nil, 400, "invalid_grant"},
			"foreign subject":  {func(c *oauth.Claims) { c.Subject = other.Sender }, nil, 400, "invalid_grant"},
			"subject's email":  {func(c *oauth.Claims) { c.Subject = h.Sender + ".example" }, nil, 400, "invalid_grant"},
			"subject with NUL": {func(c *oauth.Claims) { c.Subject = h.Sender + "\x00" }, nil, 400, "invalid_grant"},
		} {
			claims := oauth.Claims{Issuer: h.Connect, Subject: h.Sender, Audience: h.url + "/", ID: oauth.NewToken(16), Expires: now.Add(3 * time.Minute)}
			if c.change != nil {
				c.change(&claims)
			}
			key := c.key
			if key == nil {
				key = tenanttest.Key()
			}
			signed, err := oauth.SignAssertion(key, "", claims)
			if err != nil {
				h.Fatal(err)
			}
			a := h.token(m{"grant_type": oauth.GrantJWTBearer, "assertion": signed})
			if name == "another's package" { // signed by the same key, which it holds too: its own users alone
				if a.status != 400 {
					h.Errorf("%s: %d %s", name, a.status, a.text)
				}
				continue
			}
			if a.status != c.status || a.str("error") != c.code || a.body["access_token"] != nil {
				h.Errorf("%s: got %d %s", name, a.status, a.text)
			}
		}
		good := h.assert(h.Sender, nil)["assertion"].(string)
		parts := strings.Split(good, ".")
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
		for name, text := range map[string]string{
			"no JWT": "abc", "alg none": none + "." + parts[1] + ".", "alg none signed": none + "." + parts[1] + "." + parts[2],
			"no signature": parts[0] + "." + parts[1] + ".", "four parts": good + ".x", "other claims": parts[0] + "." + strings.Split(h.assert(h.Admin, nil)["assertion"].(string), ".")[1] + "." + parts[2],
			"over 8 KB": good + strings.Repeat("A", 9000),
		} {
			h.refused(h.token(m{"grant_type": oauth.GrantJWTBearer, "assertion": text}), 400, "invalid_grant")
			_ = name
		}
		// A client_id that is not the issuer.
		h.refused(h.token(m{"grant_type": oauth.GrantJWTBearer, "assertion": good, "client_id": h.Web}), 400, "invalid_grant")
		// None of this spent the good one.
		h.granted(h.token(m{"grant_type": oauth.GrantJWTBearer, "assertion": good}))
	})
}

func TestAssertionTimes(t *testing.T) {
	each(t, func(h *house) {
		h.sign(h.Connect, h.Sender)
		for name, change := range map[string]func(*oauth.Claims, time.Time){
			"just expired": func(c *oauth.Claims, now time.Time) { c.Expires = now.Add(-20 * time.Second) },
			"five minutes": func(c *oauth.Claims, now time.Time) { c.Expires = now.Add(5 * time.Minute) },
			"clocks differ": func(c *oauth.Claims, now time.Time) {
				c.IssuedAt, c.NotBefore = now.Add(20*time.Second), now.Add(20*time.Second)
			},
			"in a moved day": func(c *oauth.Claims, now time.Time) {},
		} {
			if name == "in a moved day" {
				h.advance(24 * time.Hour)
			}
			a := h.token(h.assert(h.Sender, func(c *oauth.Claims) { change(c, h.clock.Now(h.EID)) }))
			if a.status != 200 {
				h.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		h.refused(h.token(h.assert(h.Sender, func(c *oauth.Claims) { c.Expires = time.Now().Add(time.Minute) })), 400, "invalid_grant")
	})
}

func TestAssertionIsSpentOnce(t *testing.T) {
	each(t, func(h *house) {
		h.sign(h.Connect, h.Sender)
		q := h.assert(h.Sender, nil)
		h.granted(h.token(q))
		h.refused(h.token(q), 400, "invalid_grant")
		// The same jti in another assertion.
		one := func(c *oauth.Claims) { c.ID = "one" }
		h.granted(h.token(h.assert(h.Sender, one)))
		h.refused(h.token(h.assert(h.Sender, one)), 400, "invalid_grant")
		for range 5 {
			q := h.assert(h.Sender, nil)
			got := make(chan int, 20)
			var all sync.WaitGroup
			for range cap(got) {
				all.Go(func() { got <- h.token(q).status })
			}
			all.Wait()
			close(got)
			won := 0
			for status := range got {
				switch status {
				case 200:
					won++
				case 400:
				default:
					h.Errorf("status %d", status)
				}
			}
			if won != 1 {
				h.Fatalf("%d of 20 spent one assertion", won)
			}
		}
	})
}

// TestSnapshot is document 000's second scenario: permissions given after the sign-in do not reach the tokens of the
// grant until it is cleared and made anew.
func TestSnapshot(t *testing.T) {
	each(t, func(h *house) {
		const publisher = "Marketing Cloud Content Editor/Publisher"
		h.role(h.Sender, publisher, false)
		h.sign(h.Connect, h.Sender)
		before := h.granted(h.token(h.assert(h.Sender, nil)))
		if h.permissions(before)["Email.Send"] {
			h.Fatal("may send without the role")
		}
		h.role(h.Sender, publisher, true)
		after := h.granted(h.token(h.assert(h.Sender, nil)))
		if h.permissions(before)["Email.Send"] || h.permissions(after)["Email.Send"] {
			h.Fatal("the role reached a token of the old grant")
		}
		// A visit in a session that is there keeps the grant: only a sign-in or clearing ends it.
		h.advance(24 * time.Hour)
		if token := h.granted(h.token(h.assert(h.Sender, nil))); h.permissions(token)["Email.Send"] {
			h.Fatal("time alone brought the permission")
		}
		// The user signs in again: a new grant, with the permissions of now. The old one's tokens end.
		fresh := h.granted(h.token(h.assert(h.Sender, nil)))
		h.sign(h.Connect, h.Sender)
		if h.alive(fresh) {
			h.Fatal("a token of the replaced grant is honoured")
		}
		if token := h.granted(h.token(h.assert(h.Sender, nil))); !h.permissions(token)["Email.Send"] {
			h.Fatal("the new grant has the old permissions")
		}
		// Taking the role away does not reach the new grant either.
		h.role(h.Sender, publisher, false)
		if token := h.granted(h.token(h.assert(h.Sender, nil))); !h.permissions(token)["Email.Send"] {
			h.Fatal("the snapshot changed")
		}
	})
}

func TestSilentVisitKeepsTheSnapshot(t *testing.T) {
	each(t, func(h *house) {
		h.role(h.Sender, "Marketing Cloud Content Editor/Publisher", false)
		b := h.browser()
		f := h.flow(h.Connect)
		b.signIn(f, h.Sender, tenanttest.Password)
		h.role(h.Sender, "Marketing Cloud Content Editor/Publisher", true)
		a := b.get(f.path())
		if a.status != 302 {
			h.Fatalf("the second visit: %d %s", a.status, a.text)
		}
		tokens := h.token(h.exchange(f, b.back(f, a).Get("code")))
		if h.permissions(h.granted(tokens))["Email.Send"] || h.permissions(h.granted(h.token(h.assert(h.Sender, nil))))["Email.Send"] {
			h.Fatal("a silent visit took a new snapshot")
		}
	})
}

func TestDisabledUserAndPackageGetNothing(t *testing.T) {
	each(t, func(h *house) {
		h.sign(h.Connect, h.Sender)
		token := h.granted(h.token(h.assert(h.Sender, nil)))
		id := h.user(h.Sender).ID
		h.sql(`UPDATE account_user SET is_active = 0 WHERE eid = $1 AND id = $2`, int64(h.EID), id)
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
		if h.alive(token) {
			h.Fatal("the token of a disabled user is honoured")
		}
		h.sql(`UPDATE account_user SET is_active = 1, locked_at = 1 WHERE eid = $1 AND id = $2`, int64(h.EID), id)
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
		h.sql(`UPDATE account_user SET locked_at = NULL WHERE eid = $1 AND id = $2`, int64(h.EID), id)
		h.granted(h.token(h.assert(h.Sender, nil)))
		h.sql(`UPDATE installed_package SET is_active = 0 WHERE client_id = $1`, h.Connect)
		h.refused(h.token(h.assert(h.Sender, nil)), 401, "invalid_client")
		if h.alive(token) {
			h.Fatal("the token of a disabled package is honoured")
		}
		h.sql(`UPDATE installed_package SET is_active = 1, certificate = NULL WHERE client_id = $1`, h.Connect)
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
	})
}
