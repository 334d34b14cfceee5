package login_test

import "testing"

// TestMatrixRules holds the rules to cells that were worked out by hand from the references, so that a rule that says the
// wrong thing does not agree with a server that does it; and it sees that no rule is idle.
func TestMatrixRules(t *testing.T) {
	t.Parallel()
	rules := matrixRules()
	notAdmin := outcome{"token", 400, "invalid_app_access", "user is not admin approved to access this app", "OauthJwtBearer: Failed: Not approved for access"}
	restricted := func(row string) outcome {
		return outcome{"token", 400, "invalid_grant", "ip restricted or invalid login hours", row + ": Restricted IP"}
	}
	stale := outcome{"token", 400, "invalid_grant", "expired access/refresh token", "OauthRefreshToken: Failed: Expired access/refresh token"}
	wrongPage := func(status string) outcome {
		return outcome{"page", 200, "", "Check your username and password.", "Application: " + status}
	}
	for _, s := range []struct {
		cell cell
		want outcome
	}{
		// Document 002's second span: the system user by assertion, with the permission set, without it, by his profile.
		{cell{"jwt", "admin", "set", "zero", "BYPASS", true, "active"}, outcome{"token", 200, "", "", "OauthJwtBearer: Success"}},
		{cell{"jwt", "admin", "none", "zero", "BYPASS", true, "active"}, notAdmin},
		{cell{"jwt", "admin", "profile", "zero", "BYPASS", true, "locked"}, outcome{"token", 200, "", "", "OauthJwtBearer: Success"}},
		// What the user approved himself does not help where the admin approves, and is needed where he does not.
		{cell{"jwt", "admin", "consent", "infinite", "BYPASS", true, "active"}, notAdmin},
		{cell{"jwt", "self", "set", "infinite", "BYPASS", true, "active"}, outcome{"token", 400, "invalid_grant", "user hasn't approved this consumer", "OauthJwtBearer: Failed: Not approved for access"}},
		{cell{"jwt", "self", "consent", "infinite", "ENFORCE", true, "frozen"}, outcome{"token", 400, "inactive_user", "user is inactive", "OauthJwtBearer: User Is Frozen"}},
		// "SAML-bearer and JWT-bearer flows always enforce IP ranges whatever this policy says."
		{cell{"jwt", "admin", "set", "zero", "BYPASS", false, "active"}, restricted("OauthJwtBearer")},
		{cell{"jwt", "self blocked", "consent", "zero", "BYPASS", true, "active"}, outcome{"token", 400, "invalid_app_access", "this app is blocked by admin", "OauthJwtBearer: Failed: Connected app blocked"}},
		{cell{"jwt", "admin", "none", "zero", "ENFORCE", false, "inactive"}, notAdmin},
		{cell{"jwt", "admin", "set", "zero", "ENFORCE", false, "inactive"}, outcome{"token", 400, "inactive_user", "user is inactive", "OauthJwtBearer: User is Inactive"}},
		// Document 004's integration user.
		{cell{"password", "self", "none", "infinite", "ENFORCE", true, "active"}, outcome{"token", 200, "", "", "OauthUsernamePassword: Success"}},
		{cell{"password", "self", "none", "infinite", "BYPASS", false, "active"}, outcome{"token", 200, "", "", "OauthUsernamePassword: Success"}},
		{cell{"password", "self", "none", "infinite", "BYPASS_2FACTOR", false, "active"}, restricted("OauthUsernamePassword")},
		{cell{"password", "admin blocked", "none", "infinite", "BYPASS", false, "locked"}, outcome{"token", 400, "invalid_grant", "authentication failure", "OauthUsernamePassword: Password Lockout"}},
		{cell{"password", "self", "none", "zero", "ENFORCE", true, "frozen"}, outcome{"token", 400, "invalid_grant", "authentication failure", "OauthUsernamePassword: User Is Frozen"}},
		{cell{"password", "self", "none", "zero", "ENFORCE", true, "inactive"}, outcome{"token", 400, "inactive_user", "user is inactive", "OauthUsernamePassword: User is Inactive"}},
		{cell{"password", "self", "none", "zero", "ENFORCE", true, "expired"}, outcome{"token", 400, "invalid_grant", "authentication failure", "OauthUsernamePassword: Password Expired"}},
		{cell{"client", "admin", "none", "zero", "ENFORCE", true, "active"}, outcome{"token", 400, "invalid_app_access", "user is not admin approved to access this app", "OauthClientCredential: Failed: Not approved for access"}},
		{cell{"client", "self", "none", "zero", "ENFORCE_RELAXREFRESH", false, "active"}, restricted("OauthClientCredential")},
		// The four policies of refresh tokens, and the relaxation that is theirs.
		{cell{"refresh", "self", "none", "infinite", "ENFORCE_RELAXREFRESH", false, "expired"}, outcome{"token", 200, "", "", "OauthRefreshToken: Success"}},
		{cell{"refresh", "self", "none", "infinite", "ENFORCE", false, "active"}, restricted("OauthRefreshToken")},
		{cell{"refresh", "self", "none", "zero", "BYPASS", true, "active"}, stale},
		{cell{"refresh", "self", "none", "lifetime/young", "BYPASS_2FACTOR", false, "active"}, outcome{"token", 200, "", "", "OauthRefreshToken: Success"}},
		{cell{"refresh", "self", "none", "lifetime/old", "BYPASS", true, "active"}, stale},
		{cell{"refresh", "self", "none", "inactivity/used", "BYPASS", true, "active"}, outcome{"token", 200, "", "", "OauthRefreshToken: Success"}},
		{cell{"refresh", "admin", "none", "inactivity/idle", "BYPASS", true, "inactive"}, stale},
		{cell{"refresh", "admin", "none", "infinite", "BYPASS", true, "active"}, outcome{"token", 400, "invalid_app_access", "user is not admin approved to access this app", "OauthRefreshToken: Failed: Not approved for access"}},
		// Between the code and its exchange.
		{cell{"code", "admin", "set", "zero", "ENFORCE", true, "inactive"}, outcome{"token", 400, "inactive_user", "user is inactive", "OauthWebServer: User is Inactive"}},
		{cell{"device", "self", "none", "zero", "ENFORCE", false, "active"}, restricted("OauthDevice")},
		// In the browser.
		{cell{"web", "admin", "none", "zero", "ENFORCE", true, "active"}, outcome{"client", 302, "OAUTH_APP_ACCESS_DENIED", "user is not admin approved to access this app", "Application: Success; OauthWebServer: Failed: Not approved for access"}},
		{cell{"web", "self blocked", "none", "zero", "ENFORCE", true, "active"}, outcome{"client", 302, "OAUTH_APP_BLOCKED", "this app is blocked by admin", "Application: Success; OauthWebServer: Failed: Connected app blocked"}},
		{cell{"web", "admin", "set", "zero", "BYPASS_2FACTOR", false, "active"}, outcome{"token", 200, "", "", "Application: Success; OauthWebServer: Success"}},
		{cell{"web", "self", "none", "zero", "ENFORCE_RELAXREFRESH", false, "active"}, wrongPage("Restricted IP")},
		{cell{"web", "self", "none", "zero", "ENFORCE", true, "expired"}, outcome{"page", 200, "", "Your password has expired.", ""}},
		{cell{"web", "self", "none", "zero", "ENFORCE", true, "locked"}, wrongPage("Password Lockout")},
		{cell{"useragent", "self", "none", "zero", "ENFORCE", true, "active"}, outcome{"client", 302, "", "", "Application: Success; OauthUserAgent: Success"}},
		{cell{"useragent", "self", "none", "zero", "BYPASS_2FACTOR", false, "active"}, wrongPage("Restricted IP")},
		// No app, no policy, and ranges that nothing relaxes.
		{cell{"soap", "-", "none", "-", "-", true, "active"}, outcome{"soap", 200, "", "", "Other Apex API: Success"}},
		{cell{"soap", "-", "none", "-", "-", false, "active"}, outcome{"soap", 500, "LOGIN_DURING_RESTRICTED_DOMAIN", "User has attempted to login from a restricted domain", "Other Apex API: Restricted IP"}},
		{cell{"soap", "-", "none", "-", "-", true, "expired"}, outcome{"soap", 200, "", "passwordExpired", "Other Apex API: Success"}},
		{cell{"soap", "-", "none", "-", "-", false, "inactive"}, outcome{"soap", 500, "INVALID_LOGIN", "Invalid username, password, security token; or user locked out.", "Other Apex API: User is Inactive"}},
	} {
		if got, _ := expect(rules, s.cell); got != s.want {
			t.Errorf("%v\n got %+v\nwant %+v", s.cell, got, s.want)
		}
	}
	used := make([]int, len(rules))
	for _, door := range doors {
		for _, c := range cells(door) {
			_, n := expect(rules, c)
			used[n]++
		}
	}
	for i, n := range used {
		if n == 0 || rules[i].source == "" {
			t.Errorf("the rule %q holds for no cell, or has no source", rules[i].name)
		}
	}
}
