package login_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/oauth"
)

func TestCodeFlow(t *testing.T) {
	each(t, func(h *house) {
		for _, client := range []string{h.Web, h.Public, h.Connect} {
			b := h.browser()
			f := h.flow(client)
			code := b.signIn(f, strings.ToUpper(h.Sender), tenanttest.Password).Get("code")
			if len(code) == 0 || len(code) > 512 {
				h.Fatalf("code %q", code)
			}
			a := h.token(h.exchange(f, code))
			p, err := h.auth.Token(h.Context(), h.granted(a))
			if err != nil || p.Username != h.Sender || !p.Can("Email.Send") || p.Can("Users.Write") || a.str("refresh_token") == "" || len(a.str("refresh_token")) > 512 {
				h.Fatalf("%s: %+v %v %s", client, p, err, a.text)
			}
			// The second authorization asks for nothing.
			f = h.flow(client)
			f.extra = url.Values{"scope": {"email_read"}}
			again := b.get(f.path())
			if again.status != 302 {
				h.Fatalf("%s: the second visit: %d", client, again.status)
			}
			if a := h.token(h.exchange(f, b.back(f, again).Get("code"))); a.str("scope") != "email_read" || a.str("refresh_token") == "" {
				h.Fatalf("%s: %s", client, a.text)
			}
		}
	})
}

func TestAuthorizeWithoutPKCE(t *testing.T) {
	each(t, func(h *house) {
		f := h.flow(h.Web)
		f.verifier = ""
		b := h.browser()
		code := b.signIn(f, h.Sender, tenanttest.Password).Get("code")
		q := h.exchange(f, code)
		q["code_verifier"] = oauth.NewVerifier()
		h.refused(h.token(q), 400, "invalid_request")
		h.granted(h.token(h.exchange(f, code)))
		// Where it is not sent but required, the client is told.
		for _, client := range []string{h.Public, h.Connect} {
			f.client = client
			if got := b.back(f, b.get(f.path())); got.Get("error") != "invalid_request" || got.Get("error_description") != "missing required code challenge" {
				h.Fatalf("%s: %v", client, got)
			}
		}
	})
}

// TestAuthorizeErrors: whatever is wrong with client or redirect URI stays with us; the rest goes to the client.
func TestAuthorizeErrors(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		pages := map[string]url.Values{
			"unknown client":    {"client_id": {"nobodynobody"}},
			"no client":         {"client_id": nil},
			"client twice":      {"client_id": {h.Web, h.Web}},
			"server package":    {"client_id": {h.Server}},
			"no redirect":       {"redirect_uri": nil},
			"redirect twice":    {"redirect_uri": {tenanttest.RedirectURI, tenanttest.RedirectURI}},
			"state twice":       {"state": {"a", "b"}},
			"unregistered":      {"redirect_uri": {"https://evil.example/cb"}},
			"other path":        {"redirect_uri": {tenanttest.RedirectURI + "/more"}},
			"trailing slash":    {"redirect_uri": {tenanttest.WebRedirect + "/"}},
			"query":             {"redirect_uri": {tenanttest.WebRedirect + "?x=1"}},
			"fragment":          {"redirect_uri": {tenanttest.WebRedirect + "#x"}},
			"suffix":            {"redirect_uri": {"https://app.example.evil/cb"}},
			"user info":         {"redirect_uri": {"https://app.example@evil.example/cb"}},
			"other case":        {"redirect_uri": {"https://app.example/CB"}},
			"port":              {"redirect_uri": {"https://app.example:443/cb"}},
			"https on loopback": {"redirect_uri": {"https://localhost:9876/callback"}},
			"dots":              {"redirect_uri": {"https://app.example/x/../cb"}},
			"escaped":           {"redirect_uri": {"https://app.example/%63b"}},
		}
		for name, extra := range pages {
			f := h.flow(h.Web)
			f.extra = extra
			a := b.get(f.path())
			if a.status < 400 || a.status > 403 || a.header.Get("Location") != "" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				h.Errorf("%s: %d to %q", name, a.status, a.header.Get("Location"))
			}
		}
		back := map[string]struct {
			extra url.Values
			code  string
		}{
			"no response type":    {url.Values{"response_type": nil}, "invalid_request"},
			"token":               {url.Values{"response_type": {"token"}}, "unsupported_response_type"},
			"unknown scope":       {url.Values{"scope": {"email_read full"}}, "invalid_scope"},
			"wider scope":         {url.Values{"scope": {"users_write"}}, "invalid_scope"},
			"plain":               {url.Values{"code_challenge_method": {"plain"}}, "invalid_request"},
			"small s256":          {url.Values{"code_challenge_method": {"s256"}}, "invalid_request"},
			"short challenge":     {url.Values{"code_challenge": {"short"}}, "invalid_request"},
			"padded challenge":    {url.Values{"code_challenge": {strings.Repeat("a", 42) + "="}}, "invalid_request"},
			"empty challenge":     {url.Values{"code_challenge": {""}}, "invalid_request"},
			"method alone":        {url.Values{"code_challenge": nil}, "invalid_request"},
			"request object":      {url.Values{"request": {"x"}}, "request_not_supported"},
			"request address":     {url.Values{"request_uri": {"http://127.0.0.1:1/x"}}, "request_uri_not_supported"},
			"nobody, prompt none": {url.Values{"prompt": {"none"}}, "login_required"},
		}
		for name, c := range back {
			f := h.flow(h.Connect)
			f.extra = c.extra
			a := b.get(f.path())
			if got := b.back(f, a); a.status != 302 || got.Get("error") != c.code || got.Get("error_description") == "" || got.Get("code") != "" {
				h.Errorf("%s: %d %v", name, a.status, got)
			}
		}
		h.sql(`UPDATE installed_package SET is_active = 0 WHERE client_id = $1`, h.Web)
		if a := b.get(h.flow(h.Web).path()); a.status != 401 || a.header.Get("Location") != "" {
			h.Errorf("disabled package: %d", a.status)
		}
	})
}

func TestLoopbackPort(t *testing.T) {
	each(t, func(h *house) {
		f := h.flow(h.Public)
		f.redirect = "http://localhost:41234/callback"
		code := h.browser().signIn(f, h.Sender, tenanttest.Password).Get("code")
		wrong := h.exchange(f, code)
		wrong["redirect_uri"] = tenanttest.RedirectURI
		h.refused(h.token(wrong), 400, "invalid_grant")
		h.granted(h.token(h.exchange(f, code)))
	})
}

func TestCodeRefusals(t *testing.T) {
	each(t, func(h *house) {
		f := h.flow(h.Connect)
		code := h.browser().signIn(f, h.Sender, tenanttest.Password).Get("code")
		for name, c := range map[string]struct {
			change m
			status int
			code   string
		}{
			"no code":          {m{"code": nil}, 400, "invalid_request"},
			"cut":              {m{"code": code[:len(code)-1]}, 400, "invalid_grant"},
			"other end":        {m{"code": code[:len(code)-1] + string(code[len(code)-1]^1)}, 400, "invalid_grant"},
			"blank":            {m{"code": code + " "}, 400, "invalid_grant"},
			"no redirect":      {m{"redirect_uri": nil}, 400, "invalid_request"},
			"other redirect":   {m{"redirect_uri": tenanttest.RedirectURI + "x"}, 400, "invalid_grant"},
			"no verifier":      {m{"code_verifier": nil}, 400, "invalid_grant"},
			"empty verifier":   {m{"code_verifier": ""}, 400, "invalid_grant"},
			"other verifier":   {m{"code_verifier": oauth.NewVerifier()}, 400, "invalid_grant"},
			"challenge itself": {m{"code_verifier": oauth.Challenge(f.verifier)}, 400, "invalid_grant"},
			"short verifier":   {m{"code_verifier": f.verifier[:42]}, 400, "invalid_grant"},
			"long verifier":    {m{"code_verifier": strings.Repeat("a", 257)}, 400, "invalid_grant"},
			"another client":   {m{"client_id": h.Public}, 400, "invalid_grant"},
			"server package":   {m{"client_id": h.Server, "client_secret": tenanttest.ServerSecret}, 401, "unauthorized_client"},
			"unknown client":   {m{"client_id": "nobodynobody"}, 401, "invalid_client"},
			"no client":        {m{"client_id": nil}, 400, "invalid_request"},
			"wider scope":      {m{"scope": "users_read"}, 400, "invalid_scope"},
			"foreign account":  {m{"account_id": 123456789}, 400, "invalid_request"},
		} {
			q := h.exchange(f, code)
			for k, v := range c.change {
				if q[k] = v; v == nil {
					delete(q, k)
				}
			}
			if a := h.token(q); a.status != c.status || a.str("error") != c.code || a.body["access_token"] != nil {
				h.Errorf("%s: got %d %s", name, a.status, a.text)
			}
		}
		// None of it spent the code.
		q := h.exchange(f, code)
		q["account_id"], q["scope"] = h.text(int64(h.North)), "email_read"
		a := h.token(q)
		p, err := h.auth.Token(h.Context(), h.granted(a))
		if err != nil || p.MID != h.North || a.str("scope") != "email_read" {
			h.Fatalf("%+v %v %s", p, err, a.text)
		}
	})
}

func TestCodeExpires(t *testing.T) {
	each(t, func(h *house) {
		f := h.flow(h.Public)
		b := h.browser()
		code := b.signIn(f, h.Sender, tenanttest.Password).Get("code")
		h.advance(5*time.Minute - 2*time.Second)
		h.granted(h.token(h.exchange(f, code)))
		late := b.back(f, b.get(f.path())).Get("code")
		h.advance(5*time.Minute + time.Second)
		h.refused(h.token(h.exchange(f, late)), 400, "invalid_grant")
		// Setting the clock back does not make the used one good.
		h.advance(-10 * time.Minute)
		h.refused(h.token(h.exchange(f, code)), 400, "invalid_grant")
	})
}

func TestCodeReuseEndsTheFamily(t *testing.T) {
	each(t, func(h *house) {
		f := h.flow(h.Connect)
		code := h.browser().signIn(f, h.Sender, tenanttest.Password).Get("code")
		a := h.token(h.exchange(f, code))
		token := h.granted(a)
		h.refused(h.token(h.exchange(f, code)), 400, "invalid_grant")
		if h.alive(token) {
			h.Fatal("the token of a code used twice is honoured")
		}
		h.refused(h.token(m{"grant_type": "refresh_token", "client_id": h.Connect, "refresh_token": a.str("refresh_token")}), 400, "invalid_grant")
		// The grant itself is another matter: it was made by the sign-in, and stays.
		h.granted(h.token(h.assert(h.Sender, nil)))
	})
}

func TestCodeRace(t *testing.T) {
	each(t, func(h *house) {
		b := h.browser()
		f := h.flow(h.Public)
		b.signIn(f, h.Sender, tenanttest.Password)
		for range 5 {
			f := h.flow(h.Public)
			code := b.back(f, b.get(f.path())).Get("code")
			answers := make(chan answer, 20)
			var all sync.WaitGroup
			for range cap(answers) {
				all.Go(func() { answers <- h.token(h.exchange(f, code)) })
			}
			all.Wait()
			close(answers)
			won, token := 0, ""
			for a := range answers {
				switch a.status {
				case 200:
					won, token = won+1, a.str("access_token")
				case 400:
				default:
					h.Errorf("%d %s", a.status, a.text)
				}
			}
			if won != 1 || h.alive(token) {
				h.Fatalf("%d of 20 got tokens; the family lives: %v", won, h.alive(token))
			}
		}
	})
}

func TestUserDisabledBeforeExchange(t *testing.T) {
	each(t, func(h *house) {
		f := h.flow(h.Web)
		code := h.browser().signIn(f, h.Sender, tenanttest.Password).Get("code")
		h.sql(`UPDATE account_user SET is_active = 0 WHERE eid = $1 AND username = $2`, int64(h.EID), h.Sender)
		h.refused(h.token(h.exchange(f, code)), 400, "invalid_grant")
	})
}

func TestGrantClearedBeforeExchange(t *testing.T) {
	each(t, func(h *house) {
		f := h.flow(h.Connect)
		code := h.browser().signIn(f, h.Sender, tenanttest.Password).Get("code")
		if a := h.call("DELETE", "/v2/grants/"+url.PathEscape(h.Sender), h.sign(h.Connect, h.API).str("access_token"), ""); a.status != 204 {
			h.Fatalf("clearing: %d %s", a.status, a.text)
		}
		h.refused(h.token(h.exchange(f, code)), 400, "invalid_grant")
	})
}

func TestRefresh(t *testing.T) {
	each(t, func(h *house) {
		for _, client := range []string{h.Web, h.Public, h.Connect} {
			a := h.sign(client, h.Sender)
			refresh := func(token string, change m) answer {
				q := m{"grant_type": "refresh_token", "client_id": client, "refresh_token": token}
				if client == h.Web {
					q["client_secret"] = tenanttest.WebSecret
				}
				for k, v := range change {
					q[k] = v
				}
				return h.token(q)
			}
			first := a.str("refresh_token")
			for name, bad := range map[string]string{"cut": first[:len(first)-1], "changed": first[:len(first)-1] + string(first[len(first)-1]^1), "access token": a.str("access_token"), "none": "x"} {
				if got := refresh(bad, nil); got.status != 400 || got.str("error") != "invalid_grant" {
					h.Errorf("%s: %d %s", name, got.status, got.text)
				}
			}
			h.refused(refresh("", nil), 400, "invalid_request")
			h.refused(refresh(first, m{"scope": "users_read"}), 400, "invalid_scope")
			h.refused(refresh(first, m{"account_id": 123456789}), 400, "invalid_request")
			if client == h.Web {
				h.refused(refresh(first, m{"client_secret": "wrong"}), 401, "invalid_client")
			}
			other := h.Public
			if client == h.Public {
				other = h.Connect
			}
			h.refused(h.token(m{"grant_type": "refresh_token", "client_id": other, "refresh_token": first}), 400, "invalid_grant")

			second := refresh(first, m{"scope": "email_read", "account_id": int64(h.South)})
			p, err := h.auth.Token(h.Context(), h.granted(second))
			if err != nil || p.MID != h.South || second.str("scope") != "email_read" || second.str("refresh_token") == first {
				h.Fatalf("%+v %v %s", p, err, second.text)
			}
			// Narrowing an access token does not narrow what comes after it.
			third := refresh(second.str("refresh_token"), nil)
			if h.granted(third); !strings.Contains(third.str("scope"), "email_send") {
				h.Fatalf("scope: %s", third.text)
			}
			// Old access tokens live on beside the new ones.
			if !h.alive(a.str("access_token")) || !h.alive(second.str("access_token")) {
				h.Fatal("a refresh ended older access tokens")
			}
			// The first one again, after its successor was used: everything of this sign-in ends.
			h.refused(refresh(first, nil), 400, "invalid_grant")
			h.refused(refresh(third.str("refresh_token"), nil), 400, "invalid_grant")
			if h.alive(third.str("access_token")) || h.alive(a.str("access_token")) {
				h.Fatal("tokens of an ended sign-in are honoured")
			}
		}
	})
}

// TestRefreshGrace: a lost answer is repeated, with the same successor, for 30 seconds of domain time.
func TestRefreshGrace(t *testing.T) {
	each(t, func(h *house) {
		a := h.sign(h.Public, h.Sender)
		refresh := func(token string) answer {
			return h.token(m{"grant_type": "refresh_token", "client_id": h.Public, "refresh_token": token})
		}
		first := a.str("refresh_token")
		second := refresh(first)
		h.advance(20 * time.Second)
		again := refresh(first)
		if h.granted(again) == h.granted(second) || again.str("refresh_token") != second.str("refresh_token") {
			h.Fatalf("another successor: %s, %s", second.text, again.text)
		}
		third := refresh(again.str("refresh_token"))
		h.granted(third)
		h.advance(31 * time.Second)
		h.refused(refresh(second.str("refresh_token")), 400, "invalid_grant")
		h.refused(refresh(third.str("refresh_token")), 400, "invalid_grant")
		if h.alive(third.str("access_token")) {
			h.Fatal("tokens of an ended sign-in are honoured")
		}
	})
}

// TestRefreshRace: replicas that refresh at the same moment all get on, with one successor.
func TestRefreshRace(t *testing.T) {
	each(t, func(h *house) {
		token := h.sign(h.Public, h.Sender).str("refresh_token")
		for range 5 {
			answers := make(chan answer, 20)
			var all sync.WaitGroup
			for range cap(answers) {
				all.Go(func() {
					answers <- h.token(m{"grant_type": "refresh_token", "client_id": h.Public, "refresh_token": token})
				})
			}
			all.Wait()
			close(answers)
			next := map[string]bool{}
			for a := range answers {
				h.granted(a)
				next[a.str("refresh_token")] = true
				token = a.str("refresh_token")
			}
			if len(next) != 1 {
				h.Fatalf("%d successors", len(next))
			}
		}
	})
}

func TestRefreshExpires(t *testing.T) {
	each(t, func(h *house) {
		refresh := func(token string) answer {
			return h.token(m{"grant_type": "refresh_token", "client_id": h.Public, "refresh_token": token})
		}
		token := h.sign(h.Public, h.Sender).str("refresh_token")
		h.advance(30*24*time.Hour - time.Minute)
		a := refresh(token)
		h.granted(a)
		h.advance(30*24*time.Hour + time.Minute)
		h.refused(refresh(a.str("refresh_token")), 400, "invalid_grant")
	})
}

func TestRefreshOfDisabledUser(t *testing.T) {
	each(t, func(h *house) {
		for name, statement := range map[string]string{
			"disabled": `UPDATE account_user SET is_active = 0 WHERE username = $1`,
			"locked":   `UPDATE account_user SET is_active = 1, locked_at = 5 WHERE username = $1`,
		} {
			h.sql(`UPDATE account_user SET is_active = 1, locked_at = NULL WHERE username = $1`, h.Sender)
			token := h.sign(h.Public, h.Sender).str("refresh_token")
			h.sql(statement, h.Sender)
			if a := h.token(m{"grant_type": "refresh_token", "client_id": h.Public, "refresh_token": token}); a.status != 400 || a.str("error") != "invalid_grant" {
				h.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
	})
}
