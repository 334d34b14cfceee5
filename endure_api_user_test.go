package twinspan_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// The API user's password is changed, and expires. A connection of stored credentials breaks each time with that cause named,
// and goes on with the new password; one by key outlives the expiry, and a new password ends his grant, as documented
// (connect-facts 3.4), until he has signed in once. No mapping is lost by either.
//
// seed:api S002-17
func TestAPIUserPasswords(t *testing.T) {
	t.Parallel()
	for release, fixture := range map[string]string{"219": twinspan.FixtureLegacy, "220": ""} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			c := freePorts("")
			c.Ephemeral, c.Package, c.Fixture = true, release, fixture
			e := &endurance{Program: start(t, c)}
			user := e.Ready().Engagement.APIUser
			byPassword := fixture != ""
			renew := func(password vault.Secret) {
				t.Helper()
				if byPassword {
					must[connect.EngagementAnswer](t)(e.connect(t).ConnectEngagementByPassword(bounded(t), "", 0, password, "test"))
					return
				}
				a := must[connect.EngagementAnswer](t)(e.connect(t).ConnectEngagement(bounded(t), user.Username, 0, "test", oauth.NewToken(16)))
				if a.Connected {
					return
				}
				u := must[*url.URL](t)(url.Parse(e.Ready().Engagement.AuthURL))
				page := must[*browser.Page](t)(browser.New(nil).Visit(bounded(t), a.AuthorizeURL, browser.Errand{
					Logins: map[string]browser.Credentials{browser.Origin(u): {Username: user.Username, Password: password.Reveal()}}, Press: []string{"Allow", "Yes, connect"},
				}))
				if page.Status != 200 {
					t.Fatalf("signing in: %d %s", page.Status, page.Text)
				}
			}
			e.reaches(t, "", "at first")

			e.advance(t, 5*time.Minute) // a token of his is alive, and tells
			noError(t, e.tenantAs(t, user.Username, vault.Secret(user.Password)).UpdateUser(bounded(t), engagement.UserWrite{Username: user.Username, Password: "Another-pass-1"}))
			cause := "invalid_grant"
			if byPassword {
				cause = "password_changed"
			}
			e.reaches(t, cause, "with another password")
			renew("Another-pass-1")
			e.reaches(t, "", "with the new one given")

			_, err := e.tenantByPackage(t).ChangeSettings(bounded(t), map[string]any{"password_days": 30, "api_passwords_expire": true})
			noError(t, err)
			e.advance(t, 31*24*time.Hour)
			if byPassword {
				e.reaches(t, "password_expired", "with the password expired")
				return
			}
			e.reaches(t, "", "with the password expired")
		})
	}
}

// reaches checks how the span into Engagement stands, and that all three users of the fixture are mapped where it does.
func (e *endurance) reaches(t *testing.T, cause, when string) {
	t.Helper()
	s, err := e.connect(t).CheckStatus(bounded(t), oauth.NewToken(16))
	noError(t, err)
	got := ""
	if s.Engagement.Cause != nil {
		got = s.Engagement.Cause.Code
	}
	if got != cause || (s.Engagement.State == "connected") != (cause == "") {
		t.Fatalf("%s: the span into Engagement is %s by %+v, want cause %q", when, s.Engagement.State, s.Engagement.Cause, cause)
	}
	if cause != "" {
		return
	}
	for _, u := range must[[]connect.User](t)(e.connect(t).Users(bounded(t), "")) {
		if one := must[connect.User](t)(e.connect(t).User(bounded(t), u.CRMUsername)); one.State != "mapped" {
			t.Errorf("%s: %s is %s", when, u.CRMUsername, one.State)
		}
	}
}

// tenantByPackage signs the ready file's server-to-server package in.
func (e *endurance) tenantByPackage(t *testing.T) *engagement.Session {
	t.Helper()
	r := e.Ready().Engagement
	c := must[*engagement.Client](t)(engagement.New(engagement.Options{AuthURL: r.AuthURL}))
	token := must[engagement.Token](t)(c.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: r.InstalledPackage.ClientID, Secret: vault.Secret(r.InstalledPackage.ClientSecret)}))
	return c.Session(token)
}

// tenantAs lets an API user administer by SOAP, with his password.
func (e *endurance) tenantAs(t *testing.T, username string, password vault.Secret) *engagement.Session {
	t.Helper()
	r := e.Ready().Engagement
	c := must[*engagement.Client](t)(engagement.New(engagement.Options{AuthURL: r.AuthURL}))
	return must[*engagement.Session](t)(c.ByPassword(r.SOAPURL, username, password))
}
