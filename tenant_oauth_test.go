package twinspan_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// legacy is a running pair of the fixture, with clients of all its parts.
type legacy struct {
	*house
	tenant *engagement.Session // an administrator's client of the tenant
}

func openLegacy(t *testing.T, kind, accountType string) *legacy {
	t.Helper()
	c := freePorts("")
	c.Ephemeral, c.DB, c.Fixture, c.AccountType = true, spawn.DSN(t, kind), twinspan.FixtureLegacy, accountType
	l := &legacy{house: openHouse(t, c)}
	r := l.ready.Engagement
	tenant, err := engagement.New(engagement.Options{AuthURL: r.AuthURL})
	noError(t, err)
	p := r.InstalledPackage
	token, err := tenant.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: p.ClientID, Secret: vault.Secret(p.ClientSecret), MID: p.AccountID})
	noError(t, err)
	l.tenant = tenant.Session(token)
	return l
}

// look gives how the upgrade stands, and its checks by name.
func (l *legacy) look(t *testing.T) (connect.TenantOAuth, map[string]connect.Check) {
	t.Helper()
	state, err := l.connect.TenantOAuth(bounded(t))
	noError(t, err)
	checks := map[string]connect.Check{}
	for _, c := range append(state.Before, state.After...) {
		checks[c.Name] = c
	}
	return state, checks
}

// wantCheck fails where a check is not found as it should be.
func wantCheck(t *testing.T, checks map[string]connect.Check, name string, ok bool, got string) {
	t.Helper()
	c, there := checks[name]
	if !there || c.OK != ok || !strings.Contains(c.Got, got) {
		t.Errorf("%s: %+v, want %v: %s", name, c, ok, got)
	}
	if !ok && c.Command == "" && c.Owner != "connect" {
		t.Errorf("%s does not say what to do: %+v", name, c)
	}
}

// upgradePackage brings the org's package to a version, as its administrator.
func (l *legacy) upgradePackage(t *testing.T, version string) {
	t.Helper()
	for _, v := range must[[]crm.PackageVersion](t)(l.org.PackageVersions(bounded(t))) {
		if v.Name == version {
			noError(t, l.org.InstallPackage(bounded(t), v.ID, crm.AdminsOnly))
			return
		}
	}
	t.Fatalf("no version %s", version)
}

// configure writes the Marketing Cloud Configuration Settings.
func (l *legacy) configure(t *testing.T, want journey.Configuration) {
	t.Helper()
	must[journey.Configuration](t)(journey.WriteConfiguration(bounded(t), l.org, want))
}

// signInAPIUser opens the address as the API user does, and gives the page where it ends.
func (l *legacy) signInAPIUser(t *testing.T, address string, press ...string) *browser.Page {
	t.Helper()
	u := must[*url.URL](t)(url.Parse(l.ready.Engagement.AuthURL))
	who := browser.Credentials{Username: l.ready.Engagement.APIUser.Username, Password: l.ready.Engagement.APIUser.Password}
	return must[*browser.Page](t)(browser.New(nil).Visit(bounded(t), address, browser.Errand{Logins: map[string]browser.Credentials{browser.Origin(u): who}, Press: append(press, "Allow", "Yes, connect")}))
}

func (l *legacy) key() string { return oauth.NewToken(24) }

// wantRefused fails where err is not a refusal by Connect with the code.
func wantRefused(t *testing.T, err error, code string) {
	t.Helper()
	if r := client.Remote(err); r == nil || r.Code != code {
		t.Errorf("%v (%s), want %s", err, fault.CodeOf(err), code)
	}
}

// moveAll has all users' tokens moved.
func (l *legacy) moveAll(t *testing.T) {
	t.Helper()
	for range 100 {
		if n := must[connect.TokenMoves](t)(l.connect.MoveUsers(bounded(t), l.key())); n.Waiting == 0 {
			return
		}
	}
	t.Fatal("users wait for ever")
}

// Document 002, from stored API-user credentials to tenant-specific OAuth, in an Enterprise 2.0 account: what the upgrade wants
// first is found missing by name and refused, then there; the API user gives his credentials once; nothing of them is stored
// after that, users go on unasked, and Manage Business Units confirms it.
//
// seed:api S002-09 S002-19 S002-20 S002-21 S002-22 S002-24 S002-25 S002-27 S002-28 S002-29 S002-30 S002-31 S002-32 S002-33 S002-34 S002-35
func TestTenantOAuthUpgrade(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := openLegacy(t, kind, twinspan.AccountEnterprise2)
			ctx, api, top := bounded(t), l.ready.Engagement.APIUser.Username, l.ready.Engagement.EID
			units := []int64{l.ready.Engagement.BusinessUnits[0].MID, l.ready.Engagement.BusinessUnits[1].MID}
			must[connect.BusinessUnits](t)(l.connect.SetBusinessUnits(ctx, units, true, "test", "", l.key()))

			// Before it: a scheduled send is listed, the credentials work, and the package is too old.
			due := must[control.Clock](t)(l.control.Clock(ctx)).Now.Add(time.Hour)
			later := l.mailing("contact", l.person(t, "Contact", "Later", nil))
			later.At = &due
			waits := must[connect.Mailing](t)(l.connect.StartMailing(ctx, later, ""))
			state, checks := l.look(t)
			if state.Ready || state.Done || state.Auth != "password" || state.AccountType != "enterprise" {
				t.Fatalf("at first: %+v", state)
			}
			wantCheck(t, checks, "scheduled_sends", false, waits.ID)
			wantCheck(t, checks, "api_user", true, api+" signs in")
			wantCheck(t, checks, "package", false, "219")
			wantCheck(t, checks, "tenant_oauth_setting", false, "not there below package 220")
			wantCheck(t, checks, "api_user_converted", false, "stored name and password")
			wantCheck(t, checks, "credentials_removed", false, "Connect keeps")
			_, err := l.connect.ConnectEngagementByKey(ctx, api, top, "test", l.key())
			wantRefused(t, err, "tenant_oauth_needs_package")
			_, err = journey.ReadConfiguration(ctx, l.org)
			if fault.CodeOf(err) != journey.CodeNoSetting {
				t.Errorf("below 220 the setting is there: %v", err)
			}
			must[connect.Mailing](t)(l.connect.CancelMailing(ctx, waits.ID, "test", ""))

			// The newer package brings the setting, which is off; endpoints of another tenant are refused.
			l.upgradePackage(t, "220")
			_, err = l.connect.OfferEngagementSignIn(ctx, api, top, "test", l.key())
			wantRefused(t, err, "tenant_oauth_endpoints_off")
			l.configure(t, journey.Configuration{TenantOAuth: true, AuthURL: "https://other.auth.example/"})
			_, err = l.connect.ConnectEngagementByKey(ctx, api, top, "test", l.key())
			wantRefused(t, err, "tenant_oauth_endpoints_differ")
			l.configure(t, journey.Configuration{TenantOAuth: true, AuthURL: l.ready.Engagement.AuthURL})
			if state, checks = l.look(t); !state.Ready || !checks["scheduled_sends"].OK {
				t.Fatalf("with package and setting: %+v", state)
			}

			// Connect to Marketing Cloud, the API user credentials, Log-in.
			offer := must[connect.EngagementAnswer](t)(l.connect.OfferEngagementSignIn(ctx, api, top, "test", l.key()))
			if page := l.signInAPIUser(t, offer.AuthorizeURL); page.Status != 200 || !strings.Contains(page.Text, "The org is connected to Engagement") {
				t.Fatalf("the sign-in ended with %d: %s", page.Status, page.Text)
			}
			s := must[connect.Status](t)(l.connect.CheckStatus(ctx, l.key()))
			if s.Engagement.Auth != "jwt" || s.Engagement.UpgradedAt == nil || s.Engagement.GivenAt != nil || s.Engagement.State != "connected" {
				t.Fatalf("connected: %+v", s.Engagement)
			}
			l.moveAll(t)
			state, checks = l.look(t)
			wantCheck(t, checks, "api_user_converted", true, "signs in by key")
			wantCheck(t, checks, "credentials_removed", true, "none")
			wantCheck(t, checks, "users_moved", true, "")
			wantCheck(t, checks, "business_units", true, "2 active")
			if !state.Done || len(state.BusinessUnits) != 2 {
				t.Errorf("after it: %+v", state)
			}
			// The way back to stored credentials is closed.
			_, err = l.connect.ConnectEngagementByPassword(ctx, api, top, vault.Secret(l.ready.Engagement.APIUser.Password), "test")
			wantRefused(t, err, "tenant_oauth_required")

			// Nobody was asked for a password, and the tab says that the API user was converted.
			l.visits(t, "Tenant-specific OAuth; the API user’s credentials were converted on")

			// One that was active before and is not is named, added and saved.
			l.sleeps(t, units[1])
			state, checks = l.look(t)
			wantCheck(t, checks, "business_units", false, "was active before and is not now")
			if state.Done {
				t.Error("verified with a business unit missing")
			}
			must[connect.BusinessUnits](t)(l.connect.SetBusinessUnits(ctx, units[1:], true, "test", "", l.key()))
			if state, _ = l.look(t); !state.Done {
				t.Errorf("added again: %+v", state)
			}

			l.unmigrated(ctx, t)
		})
	}
}

// sleeps makes a business unit inactive in the org without anybody removing it, as after an upgrade.
func (l *legacy) sleeps(t *testing.T, mid int64) {
	t.Helper()
	org := signIn(t, l.ready, l.ready.CRM.SystemUser)
	rows := must[[]crm.Record](t)(org.Query(bounded(t), fmt.Sprintf("SELECT Id FROM et4ae5__Business_Unit__c WHERE et4ae5__Business_Unit_ID__c = '%d'", mid)))
	if len(rows) != 1 {
		t.Fatalf("%d records of %d", len(rows), mid)
	}
	if err := org.UpdateRecord(bounded(t), "et4ae5__Business_Unit__c", rows[0].String("Id"), map[string]any{"et4ae5__Enabled__c": false}); err != nil {
		t.Fatal(err)
	}
}

// visits has every mapped user visit the tab, whom Engagement asks for nothing, and reads what the page says.
func (l *legacy) visits(t *testing.T, says string) {
	t.Helper()
	org := must[*url.URL](t)(url.Parse(l.ready.CRM.URL))
	tenant := must[*url.URL](t)(url.Parse(l.ready.Engagement.AuthURL))
	for i, u := range l.ready.CRM.Users {
		b := browser.New(nil)
		page := must[*browser.Page](t)(b.Visit(bounded(t), l.ready.Connect.URL+"/marketing-cloud", browser.Errand{
			Logins: map[string]browser.Credentials{browser.Origin(org): {Username: u.Username, Password: u.Password}}, Press: []string{"Allow"},
		}))
		if page.Status != 200 || !strings.Contains(page.Text, "Connected as "+l.ready.Engagement.Users[i].Username) || !strings.Contains(page.Text, says) || b.Forms[browser.Origin(tenant)] != 0 {
			t.Errorf("%s, after %d forms of Engagement: %s", u.Username, b.Forms[browser.Origin(tenant)], page.Text)
		}
	}
}

// unmigrated: an API user whose grant is gone is asked for his credentials by the tab, where an administrator opens it, and
// giving them is all that it takes.
func (l *legacy) unmigrated(ctx context.Context, t *testing.T) {
	api := l.ready.Engagement.APIUser.Username
	packages := must[[]engagement.Package](t)(l.tenant.Packages(ctx))
	for _, p := range packages {
		if p.Name == "Marketing Cloud Connect" {
			noError(t, l.tenant.ClearPackageGrant(ctx, p.ClientID, api))
		}
	}
	state, checks := l.look(t)
	wantCheck(t, checks, "api_user_converted", false, api+" did not migrate")
	if state.Done {
		t.Error("verified without an API user")
	}
	org := must[*url.URL](t)(url.Parse(l.ready.CRM.URL))
	visit := func(u twinspan.Login, b *browser.Browser, press ...string) *browser.Page {
		t.Helper()
		tenant := must[*url.URL](t)(url.Parse(l.ready.Engagement.AuthURL))
		return must[*browser.Page](t)(b.Visit(ctx, l.ready.Connect.URL+"/marketing-cloud", browser.Errand{
			Logins: map[string]browser.Credentials{
				browser.Origin(org):    {Username: u.Username, Password: u.Password},
				browser.Origin(tenant): {Username: api, Password: l.ready.Engagement.APIUser.Password},
			},
			Press: append(press, "Allow", "Yes, connect"),
		}))
	}
	if page := visit(l.ready.CRM.Users[0], browser.New(nil)); strings.Contains(page.Text, "API user credentials") {
		t.Errorf("who is no administrator is asked: %s", page.Text)
	}
	if page := visit(l.ready.CRM.Admin, browser.New(nil)); !strings.Contains(page.Text, "Enter the API user credentials") || !strings.Contains(page.Text, "didn’t migrate") {
		t.Errorf("the administrator is not asked: %s", page.Text)
	}
	if page := visit(l.ready.CRM.Admin, browser.New(nil), "Log in as the API user"); page.Status != 200 || !strings.Contains(page.Text, "The org is connected to Engagement") {
		t.Errorf("giving the credentials ended with %d: %s", page.Status, page.Text)
	}
	if state, _ := l.look(t); !state.Done {
		t.Errorf("with the credentials given: %+v", state)
	}
}

// at waits until the upgrade waits at a step, or has come to the state.
func (l *legacy) at(t *testing.T, where string) *connect.Upgrade {
	t.Helper()
	ctx := bounded(t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		u, err := l.connect.Upgrade(ctx)
		if err == nil && u != nil && (u.State == where || u.State != "running" && u.Waiting != nil && u.Waiting.Step == where) {
			return u
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited for %s: %+v %v", where, u, err)
		}
	}
}

// tell says that a step may be done, and waits for the next.
func (l *legacy) tell(t *testing.T, step string, anyway bool, next string) *connect.Upgrade {
	t.Helper()
	must[*connect.Upgrade](t)(l.connect.TellUpgrade(bounded(t), step, connect.UpgradeTelling{By: "test", Anyway: anyway}, l.key()))
	return l.at(t, next)
}

// signInByTab opens the tab as an administrator, in whatever outage, and gives the API user's credentials where it asks.
func (l *legacy) signInByTab(t *testing.T) {
	t.Helper()
	org, tenant := must[*url.URL](t)(url.Parse(l.ready.CRM.URL)), must[*url.URL](t)(url.Parse(l.ready.Engagement.AuthURL))
	api := l.ready.Engagement.APIUser
	page := must[*browser.Page](t)(browser.New(nil).Visit(bounded(t), l.ready.Connect.URL+"/marketing-cloud", browser.Errand{
		Logins: map[string]browser.Credentials{
			browser.Origin(org):    {Username: l.ready.CRM.Admin.Username, Password: l.ready.CRM.Admin.Password},
			browser.Origin(tenant): {Username: api.Username, Password: api.Password},
		},
		Press: []string{"Log in as the API user", "Allow", "Yes, connect"},
	}))
	if page.Status != 200 || !strings.Contains(page.Text, "The org is connected to Engagement") {
		t.Fatalf("the tab ended with %d: %s", page.Status, page.Text)
	}
}

// mender is the session of another administrator, who may change the API user: the package may not.
func (l *legacy) mender(t *testing.T) *engagement.Session {
	t.Helper()
	api, yes, tenant := l.ready.Engagement.APIUser, true, must[*engagement.Client](t)(engagement.New(engagement.Options{AuthURL: l.ready.Engagement.AuthURL}))
	by := func(username string, password vault.Secret) *engagement.Session {
		return must[*engagement.Session](t)(tenant.ByPassword(l.ready.Engagement.SOAPURL, username, password))
	}
	const name, password = "mender", "a long password 3"
	noError(t, by(api.Username, vault.Secret(api.Password)).CreateUser(bounded(t), engagement.UserWrite{
		Username: name, Name: "Mender", Email: "mender@tenant.example", Password: password, APIUser: &yes, AddRoles: []string{"SYS_DEF_ADMIN"},
	}))
	return by(name, password)
}

// lock has the API user locked, by wrong passwords.
func (l *legacy) lock(t *testing.T) {
	t.Helper()
	r := l.ready.Engagement
	tenant := must[*engagement.Client](t)(engagement.New(engagement.Options{AuthURL: r.AuthURL}))
	for range 10 {
		if must[engagement.UserDetails](t)(l.tenant.UserDetails(bounded(t), r.APIUser.Username)).Locked {
			return
		}
		_, err := must[*engagement.Session](t)(tenant.ByPassword(r.SOAPURL, r.APIUser.Username, "wrong")).UserDetails(bounded(t), r.APIUser.Username)
		if err == nil {
			t.Fatal("a wrong password opens")
		}
	}
	t.Fatal("ten wrong passwords lock nobody")
}

// stuck waits until the upgrade waits at one of the steps for what code names, checks that it says how that is mended, and
// gives the step.
func (l *legacy) stuck(t *testing.T, steps, code, mends string) string {
	t.Helper()
	ctx := bounded(t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		u := must[*connect.Upgrade](t)(l.connect.Upgrade(ctx))
		if w := u.Waiting; w != nil && strings.Contains(steps, w.Step) && w.Code == code {
			if w.For != "engagement_admin" || w.Have == "" || w.Click == "" || !strings.Contains(w.Command, mends) {
				t.Errorf("%s: %+v", code, w)
			}
			return w.Step
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited for %s at %s: %+v, %s", code, steps, u.Waiting, u.Failure)
		}
	}
}

// unfit: the upgrade does not go on from a locked API user, nor from one without his role. Each is named, with what mends it, and
// mending is all that it takes.
func (l *legacy) unfit(t *testing.T, mender *engagement.Session) {
	t.Helper()
	ctx, api := bounded(t), l.ready.Engagement.APIUser.Username
	role := []string{"SYS_DEF_IMHADMIN"}
	l.lock(t)
	l.tell(t, "scheduled_sends", true, "api_user")
	l.stuck(t, "api_user", "api_user_not_fit", "tenant user update "+api+" --active --unlock")
	_, checks := l.look(t)
	if c := checks["api_user"]; c.OK || c.Code != "api_user_not_fit" || !strings.Contains(c.Got, "locked") {
		t.Errorf("locked: %+v", c)
	}
	noError(t, mender.UpdateUser(ctx, engagement.UserWrite{Username: api, Unlock: true, RemoveRoles: role}))
	l.tell(t, "api_user", false, "api_user")
	l.stuck(t, "api_user", "api_user_role_missing", "tenant user update "+api+" --role 'Marketing Cloud Administrator'")
	noError(t, mender.UpdateUser(ctx, engagement.UserWrite{Username: api, AddRoles: role}))
	must[*connect.Upgrade](t)(l.connect.TellUpgrade(ctx, "api_user", connect.UpgradeTelling{By: "test"}, l.key()))
}

// locked: an API user who is locked at Connect to Marketing Cloud is not let in, and the upgrade waits; one who is locked after it did
// not migrate, by name, and signs in by key again once he is unlocked.
func (l *legacy) locked(t *testing.T, mender *engagement.Session) {
	t.Helper()
	ctx, api := bounded(t), l.ready.Engagement.APIUser
	unlock := func() { noError(t, mender.UpdateUser(ctx, engagement.UserWrite{Username: api.Username, Unlock: true})) }
	l.lock(t)
	offer := must[connect.EngagementAnswer](t)(l.connect.OfferEngagementSignIn(ctx, api.Username, l.ready.Engagement.EID, "test", l.key()))
	tenant := browser.Origin(must[*url.URL](t)(url.Parse(l.ready.Engagement.AuthURL)))
	page, err := browser.New(nil).Visit(ctx, offer.AuthorizeURL, browser.Errand{Logins: map[string]browser.Credentials{tenant: {Username: api.Username, Password: api.Password}}, Press: []string{"Allow", "Yes, connect"}})
	if err == nil && strings.Contains(page.Text, "The org is connected to Engagement") {
		t.Errorf("who is locked is let in: %s", page.Text)
	}
	if u := must[*connect.Upgrade](t)(l.connect.Upgrade(ctx)); u.Waiting == nil || u.Waiting.Step != "connect_marketing_cloud" || !strings.Contains(u.Waiting.Have, "stored name and password") {
		t.Errorf("with the API user locked: %+v", u)
	}
	unlock()
	l.signInByTab(t)
	l.lock(t)
	// The upgrade looks by itself, and may have seen the sign-in before the lock.
	step := l.stuck(t, "connect_marketing_cloud or verify", "api_user_not_converted", "--sign-in")
	unlock()
	must[*connect.Upgrade](t)(l.connect.TellUpgrade(ctx, step, connect.UpgradeTelling{By: "test"}, l.key()))
}

// The upgrade of document 002 as a durable job, in accounts that are not Enterprise 2.0, where a completed triggered send
// confirms it: it waits for each admin by name, is cancelled before its end, which leaves everything as it was, and done again.
//
// seed:api S002-19 S002-23 S002-26 S002-33 S002-36
func TestTenantOAuthUpgradeElsewhere(t *testing.T) {
	t.Parallel()
	for i, kind := range spawn.Kinds {
		account := []string{twinspan.AccountCore, twinspan.AccountLockPublish}[i%2]
		t.Run(kind+"/"+account, func(t *testing.T) {
			t.Parallel()
			l := openLegacy(t, kind, account)
			ctx := bounded(t)
			due := must[control.Clock](t)(l.control.Clock(ctx)).Now.Add(240 * time.Hour)
			later := l.mailing("contact", l.person(t, "Contact", "Later", nil))
			later.At = &due
			must[connect.Mailing](t)(l.connect.StartMailing(ctx, later, ""))
			begin := connect.UpgradeStart{Kind: "tenant_oauth", Acknowledged: true, By: "test"}
			must[*connect.Upgrade](t)(l.connect.StartUpgrade(ctx, begin, l.key()))
			l.at(t, "scheduled_sends")
			mender := l.mender(t)
			l.unfit(t, mender)
			if u := l.at(t, "package"); u.Waiting.For != "crm_admin" || u.Waiting.Command == "" || u.Waiting.Have != "219" || !u.OpenedAt.IsZero() {
				t.Fatalf("at the package: %+v", u.Waiting)
			}
			l.upgradePackage(t, "220")
			l.tell(t, "package", false, "tenant_oauth_setting")
			on := journey.Configuration{TenantOAuth: true, AuthURL: l.ready.Engagement.AuthURL}
			l.configure(t, on)
			if u := l.tell(t, "tenant_oauth_setting", false, "connect_marketing_cloud"); u.OpenedAt.IsZero() || u.Waiting.For != "engagement_admin" {
				t.Fatalf("at Connect to Marketing Cloud: %+v", u)
			}
			if o := must[*connect.Outage](t)(l.connect.Outage(ctx)); o == nil {
				t.Error("no outage is open")
			}
			l.locked(t, mender)
			l.at(t, "verify")
			_, checks := l.look(t)
			wantCheck(t, checks, "credentials_removed", false, "the way back until the upgrade is closed")
			wantCheck(t, checks, "users_moved", true, "3 moved")

			// Cancelled, it goes back to the stored credentials and the users' own tokens, and the CRM admin takes his setting back.
			must[*connect.Upgrade](t)(l.connect.CancelUpgrade(ctx, "another day", "test", l.key()))
			l.at(t, "tenant_oauth_setting")
			l.configure(t, journey.Configuration{})
			l.tell(t, "tenant_oauth_setting", false, "cancelled")
			s := must[connect.Status](t)(l.connect.CheckStatus(ctx, l.key()))
			if s.Engagement.Auth != "password" || s.Engagement.State != "connected" || s.Engagement.UpgradedAt != nil || s.Outage != nil {
				t.Fatalf("cancelled: %+v", s)
			}
			l.visits(t, "The API user’s stored name and password")

			// Again, to its end.
			l.configure(t, on)
			must[*connect.Upgrade](t)(l.connect.StartUpgrade(ctx, begin, l.key()))
			l.at(t, "scheduled_sends")
			l.tell(t, "scheduled_sends", true, "connect_marketing_cloud")
			l.signInByTab(t)
			u := l.tell(t, "connect_marketing_cloud", false, "verify")
			if u.Waiting.For != "engagement_admin" || u.Waiting.Have != "none since" {
				t.Errorf("to be verified: %+v", u.Waiting)
			}
			to := l.person(t, "Contact", "Tested", nil)
			must[connect.Send](t)(l.connect.TestTenantOAuth(ctx, to, "welcome", l.key()))
			l.mails(t, "tested@customer.example", 1)
			l.tell(t, "verify", false, "done")
			state, checks := l.look(t)
			wantCheck(t, checks, "triggered_send", true, "welcome to tested@customer.example: sent")
			if !state.Done || state.BusinessUnits != nil || state.AccountType != strings.ReplaceAll(account, "-", "_") || state.Users != (connect.TokenMoves{}) {
				t.Errorf("done: %+v", state)
			}
			l.visits(t, "converted on")
		})
	}
}
