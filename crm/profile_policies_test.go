package crm_test

import (
	"strings"
	"testing"
)

// TestProfilePolicies: what a profile says of passwords and sessions holds for its users in place of the org's settings, until it
// is taken away (crm-wire 6).
func TestProfilePolicies(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		save := func(verb, kind, fields string) string {
			t.Helper()
			_, answer := h.metadata(t, h.admin, "<"+verb+`Metadata><metadata xsi:type="`+kind+`"><fullName>Standard</fullName>`+fields+"</metadata></"+verb+"Metadata>")
			return answer
		}
		saved := func(answer string) {
			t.Helper()
			if !strings.Contains(answer, "<success>true</success>") {
				t.Fatal(answer)
			}
		}
		read := func(kind string) string {
			t.Helper()
			_, answer := h.metadata(t, h.admin, "<readMetadata><type>"+kind+"</type><fullNames>Standard</fullNames></readMetadata>")
			return answer
		}
		const policy = "<lockoutInterval>60</lockoutInterval><maxLoginAttempts>3</maxLoginAttempts><minimumPasswordLength>12</minimumPasswordLength><obscure>true</obscure>" +
			"<passwordComplexity>3</passwordComplexity><passwordExpiration>0</passwordExpiration><passwordHistory>0</passwordHistory><passwordQuestion>1</passwordQuestion><profile>Standard</profile>"
		user, admin := h.spec.Users[1].Username, h.spec.Users[0].Username
		for name, c := range map[string]struct{ verb, kind, fields, want string }{
			"nothing to change":            {"update", "ProfilePasswordPolicy", policy, "no ProfilePasswordPolicy named Standard found"},
			"not all of it":                {"create", "ProfilePasswordPolicy", "<passwordHistory>1</passwordHistory>", "Required fields are missing: [lockoutInterval]"},
			"no history, but an expiry":    {"create", "ProfilePasswordPolicy", strings.Replace(policy, "<passwordExpiration>0", "<passwordExpiration>90", 1), "must be 0 where passwordHistory is 0"},
			"attempts that are none":       {"create", "ProfilePasswordPolicy", strings.Replace(policy, "Attempts>3", "Attempts>4", 1), "is not a valid value for maxLoginAttempts"},
			"an element that is none":      {"create", "ProfilePasswordPolicy", policy + "<colour>red</colour>", "keeps no colour"},
			"a profile that is none":       {"create", "ProfilePasswordPolicy", strings.Replace(policy, ">Standard<", ">Nobody<", 1), "no Profile named Nobody found"},
			"an odd timeout":               {"create", "ProfileSessionSetting", "<sessionTimeout>17</sessionTimeout>", "sessionTimeout takes"},
			"a level that nobody can have": {"create", "ProfileSessionSetting", "<sessionTimeout>15</sessionTimeout><requiredSessionLevel>HIGH_ASSURANCE</requiredSessionLevel>", "no second factor"},
		} {
			if answer := save(c.verb, c.kind, c.fields); strings.Contains(answer, "<success>true</success>") || !strings.Contains(answer, c.want) {
				t.Errorf("%s: %s", name, answer)
			}
		}
		saved(save("create", "ProfilePasswordPolicy", policy))
		saved(save("upsert", "ProfileSessionSetting", "<profile>Standard</profile><requiredSessionLevel>STANDARD</requiredSessionLevel><sessionTimeout>15</sessionTimeout>"))
		if got := read("ProfilePasswordPolicy"); !strings.Contains(got, "<lockoutInterval>60</lockoutInterval><maxLoginAttempts>3</maxLoginAttempts><minimumPasswordLength>12</minimumPasswordLength>") ||
			!strings.Contains(got, "<passwordComplexity>3</passwordComplexity><passwordExpiration>0</passwordExpiration><passwordHistory>0</passwordHistory>") {
			t.Errorf("read back: %s", got)
		}
		for _, kind := range []string{"ProfilePasswordPolicy", "ProfileSessionSetting", "Profile"} {
			_, answer := h.metadata(t, h.admin, "<listMetadata><queries><type>"+kind+"</type></queries></listMetadata>")
			if !strings.Contains(answer, "<fullName>Standard</fullName>") || strings.Contains(answer, "<fullName>Admin</fullName>") != (kind == "Profile") {
				t.Errorf("the list of %s: %s", kind, answer)
			}
		}

		// The profile's length and complexity, and no others'.
		change := func(token, old, password string) string {
			t.Helper()
			_, answer := h.soapCall(t, token, `<changeOwnPassword xmlns="urn:partner.soap.sforce.com"><oldPassword>`+old+"</oldPassword><newPassword>"+password+"</newPassword></changeOwnPassword>")
			return answer
		}
		if got := change(h.user, "user-pw-1", "short-pw-1"); !strings.Contains(got, "at least 12 characters") {
			t.Errorf("a short password: %s", got)
		}
		if got := change(h.user, "user-pw-1", "long-enough-1"); !strings.Contains(got, "uppercase and lowercase") {
			t.Errorf("a simple password: %s", got)
		}
		if got := change(h.admin, "admin-pw-1", "short-pw-2"); !strings.Contains(got, "changeOwnPasswordResponse") {
			t.Errorf("a user of another profile: %s", got)
		}
		h.admin = h.login(t, admin, "short-pw-2"+h.mails.token(t, admin))
		// Its number of attempts, and for how long: the user is locked out for an hour, the administrator not at all.
		for range 3 {
			h.tryLogin(t, user, "wrong")
			h.tryLogin(t, admin, "wrong")
		}
		locked := "SELECT Id FROM UserLogin WHERE IsPasswordLocked = true"
		if n, _ := h.query(t, h.admin, locked); n != 1 {
			t.Errorf("%d users are locked out, want one", n)
		}
		h.wantLogin(t, user, "user-pw-1TOKEN", "INVALID_LOGIN")
		// Sessions: what begins now lives as the profile says. (That of the administrator lives two hours.)
		id := h.one(t, "SELECT Id FROM UserLogin WHERE IsPasswordLocked = true")
		if status, answer := h.call(t, h.admin, "PATCH", data+"/sobjects/UserLogin/"+id, map[string]any{"IsPasswordLocked": false}); status != 204 {
			t.Fatal(status, answer)
		}
		h.login(t, user, "user-pw-1TOKEN")
		_, sessions := h.query(t, h.admin, "SELECT NumSecondsValid FROM AuthSession WHERE UsersId = '"+h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'")+"' ORDER BY CreatedDate DESC, Id DESC LIMIT 1")
		if len(sessions) != 1 || sessions[0]["NumSecondsValid"] != 900.0 {
			t.Errorf("the user's newest session: %v", sessions)
		}
		// Taken away, the org's settings hold again.
		for _, kind := range []string{"ProfilePasswordPolicy", "ProfileSessionSetting"} {
			_, answer := h.metadata(t, h.admin, "<deleteMetadata><type>"+kind+"</type><fullNames>Standard</fullNames></deleteMetadata>")
			saved(answer)
			if got := read(kind); !strings.Contains(got, `xsi:nil="true"`) {
				t.Errorf("%s is read after it was deleted: %s", kind, got)
			}
		}
		if got := change(h.user, "user-pw-1", "short-pw-1"); !strings.Contains(got, "changeOwnPasswordResponse") {
			t.Errorf("the org's policies: %s", got)
		}
		if got := strings.Join(h.trail(t, "Manage Users"), "\n"); !strings.Contains(got, "Changed profile Standard: session timeout to 15 minutes.") {
			t.Errorf("the trail: %s", got)
		}
	})
}
