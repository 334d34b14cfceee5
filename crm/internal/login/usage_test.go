package login_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
)

// At most five approvals of a user for an app live; OauthToken shows them, and posting a DeleteToken ends one.
func TestOauthTokens(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		queries := &soql.Runner{Source: h.store, Locators: h.store, Schema: h.records.Schema, Clock: h.clock}
		rows := func() []map[string]any {
			res, err := queries.Run(t.Context(), h.adminSession(), "SELECT Id, AppName, User.Username, UseCount, DeleteToken, AccessToken FROM OauthToken ORDER BY CreatedDate", false, 0)
			if err != nil {
				t.Fatal(err)
			}
			var out []map[string]any
			for _, r := range res.Rows {
				m := map[string]any{}
				for i, c := range res.Plan.Columns {
					m[c.Path[len(c.Path)-1]] = r.Values[i]
				}
				out = append(out, m)
			}
			return out
		}
		var refresh []string
		for i := range org.MaxGrants + 2 {
			a := h.exchange(h.code("prompt", "consent", "state", fmt.Sprint(i)))
			if a.status != http.StatusOK {
				t.Fatal(a)
			}
			refresh = append(refresh, a.get("refresh_token"))
			h.advance(1e9)
		}
		all := rows()
		if len(all) != org.MaxGrants {
			t.Fatalf("%d approvals live: %v", len(all), all)
		}
		for i, token := range refresh {
			a := h.refresh(token)
			if dropped := i < 2; dropped {
				wantError(t, a, 400, "invalid_grant", "expired access/refresh token")
			} else if a.status != http.StatusOK {
				t.Errorf("refresh token %d: %v", i, a)
			}
		}
		all = rows()
		for _, r := range all {
			if r["Id"] != nil || r["AccessToken"] != nil || r["AppName"] != "Open App" || r["UseCount"] != int64(1) || r["DeleteToken"] == nil {
				t.Errorf("row %v", r)
			}
		}
		token := fmt.Sprint(all[0]["DeleteToken"])
		for _, wrong := range []string{token[:len(token)-1] + "?", token + "x"} {
			if a := h.post("/services/oauth2/revoke", "token", wrong); a.status != http.StatusBadRequest {
				t.Errorf("a wrong delete token: %v", a)
			}
		}
		if a := h.post("/services/oauth2/revoke", "token", token); a.status != http.StatusOK || len(rows()) != org.MaxGrants-1 {
			t.Errorf("deleting by token: %v", a)
		}
		wantError(t, h.refresh(refresh[2]), 400, "invalid_grant", "expired access/refresh token")
		if a := h.refresh(refresh[3]); a.status != http.StatusOK {
			t.Errorf("the next one: %v", a)
		}
		// A delete token is no credential.
		wantError(t, h.refresh(fmt.Sprint(all[1]["DeleteToken"])), 400, "invalid_grant", "expired access/refresh token")
	})
}

// The browser hears of a blocked app, of one that is not installed, and of a session policy, in the vendor's words.
func TestPoliciesAtTheAuthorizeEndpoint(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		at := func() (string, string) {
			b := h.browser()
			a := b.signIn(b.get(h.authorize()), h.org.user, userPassword)
			if a.header.Get("Location") == "" {
				return "consent", ""
			}
			q := a.returned(t)
			return q.Get("error"), q.Get("error_description")
		}
		for _, c := range []struct {
			change        func(*org.ConnectedApp)
			code, text    string
			historyStatus string
		}{
			{func(a *org.ConnectedApp) { a.Blocked = true }, "OAUTH_APP_BLOCKED", "this app is blocked by admin", org.StatusAppBlocked},
			{func(a *org.ConnectedApp) { a.Blocked, a.HighAssurance = false, org.AssuranceBlock }, "OAUTH_APP_ACCESS_DENIED", "this app requires a high assurance session", org.StatusAssurance},
			{func(a *org.ConnectedApp) { a.HighAssurance, a.Installed = org.AssuranceNone, false }, "OAUTH_APPROVAL_ERROR_GENERIC", "An unexpected error has occurred during authentication. Please try again.", org.StatusNotInstalled},
		} {
			h.changeApp(h.org.open, c.change)
			if code, text := at(); code != c.code || text != c.text {
				t.Errorf("got %s %s, want %s", code, text, c.code)
			}
			if got := h.lastStatus(h.org.user); got != c.historyStatus {
				t.Errorf("%s: history %s", c.code, got)
			}
		}
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Installed = true })
		if code, _ := at(); code != "consent" {
			t.Errorf("an installed app: %s", code)
		}
		// Who approved it before it counted as not installed goes on.
		if a := h.exchange(h.code()); a.status != http.StatusOK {
			t.Fatal(a)
		}
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Installed = false })
		if a := h.exchange(h.code()); a.status != http.StatusOK {
			t.Errorf("an earlier user: %v", a)
		}
	})
}
