package login_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUserinfo(t *testing.T) {
	each(t, func(h *house) {
		token := h.sign(h.Web, h.Sender).str("access_token")
		a := h.get("/v2/UserInfo/", token)
		if a.status != 200 {
			h.Fatalf("%d %s", a.status, a.text)
		}
		u := h.user(h.Sender)
		central := m{"longName": "(GMT-06:00) America/Chicago *", "shortName": "GMT-6", "offset": -6.0, "dst": true}
		want := m{
			"iss": h.url,
			"user": m{
				"sub": h.text(u.ID), "name": u.Name, "preferred_username": h.Sender, "email": u.Email, "locale": "en-US", "zoneinfo": "America/Chicago",
				"timezone": central,
			},
			"organization": m{
				"member_id": float64(h.EID), "enterprise_id": float64(h.EID), "enterprise_name": "Northern Trail", "account_type": "enterprise",
				"stack_key": "S1", "region": "NA1", "locale": "en-US", "zoneinfo": "America/Chicago", "timezone": central,
			},
			"rest": m{"rest_instance_url": h.url + "/", "soap_instance_url": h.url + "/"},
		}
		for name, value := range want {
			if d := cmp.Diff(value, a.body[name]); d != "" {
				h.Errorf("%s: want(-) got(+)\n%s", name, d)
			}
		}
		if exp, _ := a.body["exp"].(float64); int64(exp)-h.clock.Now(h.EID).Unix() < 1190 {
			h.Errorf("exp: %v", a.body["exp"])
		}
		app := a.body["application"].(m)
		if app["id"] == "" || app["name"] != "Web" || len(app["redirectUrl"].([]any)) != 2 || len(app["appScopes"].([]any)) != 6 {
			h.Errorf("application: %v", app)
		}
		var send any
		for _, p := range a.body["permissions"].([]any) {
			if p.(m)["id"] == 9.0 {
				send = p
			}
		}
		if d := cmp.Diff(any(m{"objectTypeName": "Email", "operationName": "Send", "name": "Send", "id": 9.0}), send); d != "" {
			h.Errorf("permission 9: %s", d)
		}
		if sub := h.get("/v2/userinfo?view=oidc", token).body["user"].(m)["sub"]; sub != h.url+"/uid/"+h.text(u.ID) {
			h.Errorf("oidc subject: %v", sub)
		}
		// A package that acts as itself is its app user.
		if a := h.get("/v2/userinfo", h.granted(h.token(h.server(nil)))); a.status != 200 || a.body["user"].(m)["name"] != "Server app user" || a.body["user"].(m)["email"] != "" {
			h.Errorf("app user: %d %s", a.status, a.text)
		}
	})
}

func TestDiscovery(t *testing.T) {
	each(t, func(h *house) {
		for _, name := range []string{h.Sender, "nobody"} {
			a := h.get("/v2/discovery?client_id="+h.Web+"&resource=acct:"+name, "")
			want := m{"subject": "acct:" + name, "links": []any{m{"rel": "auth_instance_url", "href": h.url + "/"}, m{"rel": "rest_instance_url", "href": h.url + "/"}}}
			if d := cmp.Diff(want, a.body); a.status != 200 || d != "" {
				h.Errorf("%d %s", a.status, d)
			}
		}
		h.refused(h.get("/v2/discovery?client_id=nobodynobody&resource=acct:x", ""), 401, "invalid_client")
		h.refused(h.get("/v2/discovery?resource=acct:x", ""), 401, "invalid_client")
		h.refused(h.get("/v2/discovery?client_id="+h.Web, ""), 400, "invalid_request")
		h.refused(h.get("/v2/discovery?client_id="+h.Web+"&resource=acct:", ""), 400, "invalid_request")
	})
}
