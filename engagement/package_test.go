package engagement_test

import (
	"testing"

	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// Whoever may administer accounts installs packages, and none that could do more than he where that administers.
func TestNobodyMakesAPackageThatIsMoreThanHe(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqldbtest.DSN(t, kind))
			h := spec()
			h.Spec.Packages[0].Scopes = append(h.Spec.Packages[0].Scopes, "accounts_write")
			if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
				t.Fatal(err)
			}
			token := s.token(t, h)
			status, a := call(t, "POST", s.url+"/v2/packages", token, map[string]any{"name": "Mailer", "type": "server", "scopes": []string{"email_send", "journeys_read"}})
			secret, _ := a["client_secret"].(string)
			id, _ := a["client_id"].(string)
			if status != 200 || len(secret) < 40 || len(id) != 24 {
				t.Fatalf("%d %v", status, a)
			}
			grant := map[string]any{"grant_type": "client_credentials", "client_id": id, "client_secret": secret}
			if status, a := call(t, "POST", s.url+"/v2/token", "", grant); status != 200 || a["scope"] != "email_send journeys_read" {
				t.Errorf("the new package signs in: %d %v", status, a)
			}
			if status, a := call(t, "POST", s.url+"/v2/packages", token, map[string]any{"name": "More", "type": "server", "scopes": []string{"users_write"}}); status != 403 {
				t.Errorf("one that may write users: %d %v", status, a)
			}
			for _, kind := range []string{"web", "public"} { // it would act for the administrator who follows a link
				wanted := map[string]any{"name": "Link", "type": kind, "scopes": []string{"users_write", "offline"}, "redirect_uris": []string{"https://x.example/cb"}}
				if status, a := call(t, "POST", s.url+"/v2/packages", token, wanted); status != 403 {
					t.Errorf("one of type %s that may write users: %d %v", kind, status, a)
				}
				wanted["scopes"] = []string{"email_read", "offline"}
				if status, a := call(t, "POST", s.url+"/v2/packages", token, wanted); status != 200 {
					t.Errorf("one of type %s that reads emails: %d %v", kind, status, a)
				}
			}
			if status, a := call(t, "POST", s.url+"/v2/packages", token, map[string]any{"name": "Old", "type": "legacy", "scopes": []string{"users_write"}}); status != 400 {
				t.Errorf("a legacy package: %d %v", status, a)
			}
			if status, a := call(t, "POST", s.url+"/v2/packages", token, map[string]any{"name": "Bridge", "type": "connect", "redirect_uris": []string{"https://x.example/cb"}}); status != 400 {
				t.Errorf("a connect package: %d %v", status, a)
			}
		})
	}
}
