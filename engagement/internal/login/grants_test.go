package login_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

func TestVouching(t *testing.T) {
	each(t, func(h *house) {
		api := h.sign(h.Connect, h.API).str("access_token")
		vouch := func(token, username string) answer {
			return h.call("POST", "/v2/grants", token, h.json(m{"username": username}))
		}
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
		a := vouch(api, h.Sender)
		if a.status != 201 || a.str("username") != h.Sender || a.str("made_by") != h.API || a.str("client_id") != h.Connect || a.body["stale"] != false || len(a.body["permissions"].([]any)) == 0 {
			h.Fatalf("making: %d %s", a.status, a.text)
		}
		minted := h.granted(h.token(h.assert(h.Sender, nil)))
		p, err := h.auth.Token(h.Context(), minted)
		if err != nil || p.Username != h.Sender || !p.Can("Email.Send") || p.Can("Users.Write") {
			h.Fatalf("%+v %v", p, err)
		}
		// Again: the one that is there, with what it remembers.
		h.role(h.Sender, "Marketing Cloud Content Editor/Publisher", false)
		if again := vouch(api, h.Sender); again.status != 200 || again.str("id") != a.str("id") || again.body["stale"] != true {
			h.Fatalf("again: %d %s", again.status, again.text)
		}
		if !h.permissions(minted)["Email.Send"] {
			h.Fatal("the snapshot changed")
		}
		if list := h.get("/v2/grants", api); list.status != 200 || len(list.body["items"].([]any)) != 2 {
			h.Fatalf("list: %d %s", list.status, list.text)
		}
		// Of users named, only those with a grant; who is no API user sees his own alone.
		named := "/v2/grants?username=nobody&username=" + url.QueryEscape(strings.ToUpper(h.Sender)) + "&username=" + url.QueryEscape(h.Admin)
		if list := h.get(named, api); list.status != 200 || len(list.body["items"].([]any)) != 1 || list.body["items"].([]any)[0].(map[string]any)["username"] != h.Sender || list.body["next"] != nil {
			h.Fatalf("named: %d %s", list.status, list.text)
		}
		if list := h.get("/v2/grants?username="+url.QueryEscape(h.API), minted); list.status != 200 || len(list.body["items"].([]any)) != 0 {
			h.Fatalf("another's: %d %s", list.status, list.text)
		}
		if list := h.get("/v2/grants?"+strings.Repeat("username=x&", 51), api); list.status != 400 {
			h.Fatalf("too many: %d %s", list.status, list.text)
		}
		// Clearing ends the grant and its tokens; vouching anew takes the permissions of now.
		path := "/v2/grants/" + url.PathEscape(h.Sender)
		if a := h.call("DELETE", path, api, ""); a.status != 204 {
			h.Fatalf("clearing: %d %s", a.status, a.text)
		}
		if h.alive(minted) {
			h.Fatal("a token of the cleared grant is honoured")
		}
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
		if a := h.call("DELETE", path, api, ""); a.status != 404 {
			h.Fatalf("clearing again: %d %s", a.status, a.text)
		}
		vouch(api, h.Sender)
		if h.permissions(h.granted(h.token(h.assert(h.Sender, nil))))["Email.Send"] {
			h.Fatal("the new grant has the old permissions")
		}
		// Who is no longer integrated is no longer vouched for.
		h.sql(`UPDATE account_user SET salesforce_username = NULL WHERE username = $1`, h.Sender)
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
	})
}

func TestVouchingRefusals(t *testing.T) {
	each(t, func(h *house) {
		other := tenanttest.Spec()
		h.make(other)
		api := h.sign(h.Connect, h.API).str("access_token")
		for name, c := range map[string]struct {
			token, username string
			status          int
			number          float64
		}{
			"no token":       {"", h.Sender, 401, 0},
			"no API user":    {h.sign(h.Connect, h.Admin).str("access_token"), h.Sender, 403, 20002},
			"ordinary user":  {h.sign(h.Connect, h.Sender).str("access_token"), h.Sender, 403, 20002},
			"web package":    {h.sign(h.Web, h.API).str("access_token"), h.Sender, 403, 20002},
			"server package": {h.granted(h.token(h.server(nil))), h.Sender, 403, 20002},
			"unknown user":   {api, "nobody", 404, 30003},
			"foreign user":   {api, other.Sender, 404, 30003},
			"no user":        {api, "", 400, 10000},
			"not integrated": {api, h.Analyst, 409, 30001},
		} {
			a := h.call("POST", "/v2/grants", c.token, h.json(m{"username": c.username}))
			if a.status != c.status || a.body["errorcode"] != c.number || a.str("message") == "" {
				h.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		if a := h.call("POST", "/v2/grants", api, `{"user":"x"}`); a.status != 400 {
			h.Errorf("unknown member: %d %s", a.status, a.text)
		}
		h.sql(`UPDATE account_user SET is_active = 0 WHERE username = $1`, h.Sender)
		if a := h.call("POST", "/v2/grants", api, h.json(m{"username": h.Sender})); a.status != 409 {
			h.Errorf("disabled user: %d %s", a.status, a.text)
		}
		// The token's snapshot decides, as everywhere, until the API user signs in anew.
		h.sql(`UPDATE account_user SET is_active = 1, salesforce_username = 'crm.local' WHERE username IN ($1, $2)`, h.Sender, h.Local)
		h.role(h.API, "Administrator", false)
		if a := h.call("POST", "/v2/grants", api, h.json(m{"username": h.Local})); a.status != 201 {
			h.Errorf("with the role in the snapshot alone: %d %s", a.status, a.text)
		}
		if a := h.get("/v2/grants?username="+url.QueryEscape(h.API), api); !strings.Contains(a.text, `"stale":true`) {
			h.Errorf("the role is gone: %s", a.text)
		}
		api = h.sign(h.Connect, h.API).str("access_token")
		if a := h.call("GET", "/v2/grants", api, ""); a.status != 200 || len(a.body["items"].([]any)) != 1 {
			h.Errorf("without the role he sees: %d %s", a.status, a.text)
		}
		h.role(h.API, "Administrator", true)
		if a := h.call("POST", "/v2/grants", api, h.json(m{"username": h.Sender})); a.status != 403 {
			h.Errorf("with the role of today alone: %d %s", a.status, a.text)
		}
	})
}

func TestOwnGrant(t *testing.T) {
	each(t, func(h *house) {
		mine := h.sign(h.Connect, h.Sender).str("access_token")
		h.sign(h.Connect, h.Admin)
		list := h.get("/v2/grants", mine)
		if list.status != 200 || len(list.body["items"].([]any)) != 1 {
			h.Fatalf("own list: %d %s", list.status, list.text)
		}
		if a := h.call("DELETE", "/v2/grants/"+url.PathEscape(h.Admin), mine, ""); a.status != 403 {
			h.Fatalf("another's: %d %s", a.status, a.text)
		}
		if a := h.call("DELETE", "/v2/grants/"+url.PathEscape(h.Sender), mine, ""); a.status != 204 {
			h.Fatalf("own: %d %s", a.status, a.text)
		}
		if h.alive(mine) {
			h.Fatal("the token of the cleared grant is honoured")
		}
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
		h.granted(h.token(h.assert(h.Admin, nil)))
	})
}

func TestGrantPages(t *testing.T) {
	each(t, func(h *house) {
		api := h.sign(h.Connect, h.API).str("access_token")
		for _, name := range []string{h.Sender, h.Admin, h.Analyst} {
			h.sign(h.Connect, name)
		}
		seen := h.get("/v2/grants", api).body["items"].([]any)
		if len(seen) != 4 {
			h.Fatalf("%d grants", len(seen))
		}
		rest := h.get("/v2/grants?after="+seen[1].(m)["id"].(string), api).body["items"].([]any)
		if len(rest) != 2 || rest[0].(m)["id"] != seen[2].(m)["id"] {
			h.Fatalf("after the second: %v", rest)
		}
		if page := h.get("/v2/grants?limit=3", api).body; len(page["items"].([]any)) != 3 || page["next"] != seen[2].(m)["id"] {
			h.Errorf("a page of three: %v", page)
		}
		for _, bad := range []string{"0", "1001", "x"} {
			if a := h.get("/v2/grants?limit="+bad, api); a.status != 400 {
				h.Errorf("limit=%s: %d", bad, a.status)
			}
		}
		for _, bad := range []string{"x", "-1", "99999999999999999999"} {
			if a := h.get("/v2/grants?after="+bad, api); a.status != 400 {
				h.Errorf("after=%s: %d", bad, a.status)
			}
		}
	})
}
