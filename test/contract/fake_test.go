package contract_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/contract"
	"github.com/twinspan/twinspan/test/contract/fake"
)

// TestFakes runs the suite on clouds that were written from the references alone and are deliberately unlike ours.
func TestFakes(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d, dsn := faked(t, kind)
			contract.Run(t, d)
			noPasswords(t, d, dsn)
		})
	}
}

// faked makes a fake org, a fake tenant and Connect, and gives the DSN of Connect's database.
func faked(t *testing.T, kind string) (contract.Deployment, string) {
	t.Helper()
	ctx := t.Context()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dsn := dsns(t, kind)("connect")
	v, err := vault.Open(filepath.Join(t.TempDir(), "key"))
	must(err)
	orgSite, tenantSite, connectSite := newSite(t), newSite(t), newSite(t)
	key, err := oauth.NewKey()
	must(err)
	certificate, err := oauth.NewCertificate("fake", key, time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0))
	must(err)
	d := contract.Deployment{
		OrgURL: orgSite.url, AuthURL: tenantSite.url + "/", ConnectURL: connectSite.url, ConnectToken: vault.Secret(oauth.NewToken(32)),
		OrgAdmin: person("zoe@fake.example"), SystemUser: person("system@fake.example"), Member: person("Member@Fake.example"), Outsider: person("outsider@fake.example"),
		JWTApp: oauth.NewToken(16), JWTAppKey: key, PublicApp: oauth.NewToken(16), Redirect: "http://localhost:9876/callback", PackageApp: "et4ae5__Salesforce_Marketing_Cloud",
		EID: 7_200_345, APIUser: person("Api.User"), TenantMember: person("member"), TenantOther: person("other@tenant.example"),
		ServerPackage: oauth.NewToken(12), ServerSecret: vault.Secret(oauth.NewToken(24)), Definition: "Any-Key",
		WebPackage: oauth.NewToken(12), WebSecret: vault.Secret(oauth.NewToken(24)), OrgPasswords: true, TenantPasswords: true,
	}
	packageKey, consoleKey, packageClient := oauth.NewToken(16), oauth.NewToken(16), oauth.NewToken(12)

	bridge, err := connect.New(ctx, connect.Options{DSN: dsn, Relaxed: true, BaseURL: connectSite.url, Vault: v, Log: log})
	must(err)
	t.Cleanup(func() {
		if err := bridge.Close(); err != nil {
			t.Error(err)
		}
	})
	orgPEM, tenantPEM, err := bridge.Certificates(ctx, "pair")
	must(err)
	who := func(p contract.Person) fake.Person {
		return fake.Person{Username: p.Username, Password: p.Password.Reveal(), SecurityToken: p.SecurityToken.Reveal()}
	}
	org, err := fake.NewOrg(orgSite.url, []fake.App{
		{ConsumerKey: packageKey, FullName: d.PackageApp, Certificate: orgPEM, Redirect: connectSite.url + "/oauth/crm/callback", Approved: []string{d.SystemUser.Username}},
		{ConsumerKey: consoleKey, FullName: "Console", Redirect: connectSite.url + "/oauth/crm/callback"},
		{ConsumerKey: d.JWTApp, FullName: "JWT", Certificate: certificate, Redirect: d.Redirect, Approved: []string{d.OrgAdmin.Username}},
		{ConsumerKey: d.PublicApp, FullName: "Public", Redirect: d.Redirect},
	}, who(d.OrgAdmin), who(d.SystemUser), who(d.Member), who(d.Outsider))
	must(err)
	tenant := fake.NewTenant(tenantSite.url, d.EID, []fake.Package{
		{ClientID: packageClient, Certificate: tenantPEM, Redirect: connectSite.url + "/oauth/engagement/callback"},
		{ClientID: d.ServerPackage, Secret: d.ServerSecret.Reveal()},
		{ClientID: d.WebPackage, Secret: d.WebSecret.Reveal(), Redirect: connectSite.url + "/oauth/engagement/callback"},
	}, d.Definition,
		fake.TenantUser{Person: who(d.APIUser), APIUser: true, MaySend: true},
		fake.TenantUser{Person: who(d.TenantMember), MaySend: true},
		fake.TenantUser{Person: who(d.TenantOther), SalesforceUser: d.Outsider.Username},
	)
	must(bridge.PutLink(ctx, connect.LinkSpec{
		Standing: "embedded",
		PairID:   "pair", CRMURL: orgSite.url, ConnectedApp: "Salesforce Marketing Cloud", ConsumerKey: packageKey, ConsoleClientID: consoleKey,
		EngagementAuthURL: tenantSite.url + "/", PackageClientID: packageClient, EID: d.EID, APIToken: d.ConnectToken,
	}))
	connectSite.serve(t, bridge.Handler(), log, "connect")
	orgSite.serve(t, org.Handler(), log, "crm")
	tenantSite.serve(t, tenant.Handler(), log, "engagement")
	return d, dsn
}
