package contract_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/vaulttest"
	"github.com/twinspan/twinspan/internal/web"
	"github.com/twinspan/twinspan/test/contract"
	"github.com/twinspan/twinspan/test/spawn"
)

// TestEmbedded runs the suite on the three houses in this process, and then looks for every password that was typed in
// everything that Connect keeps.
//
// seed:api S000-07 S000-09 S000-10 S000-11 S000-12 S000-13 S000-14 S000-15 S001-03 S001-04 S002-08 S002-09 S002-20 S002-21
// seed:page S000-07 S000-09 S000-10 S000-11 S000-12 S000-13 S000-14 S000-15 S001-50 S001-51
func TestEmbedded(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d, dsn := embedded(t, kind, clouds{})
			contract.Run(t, d)
			noPasswords(t, d, dsn)
		})
	}
}

// TestTokenStore: where the mapping's token lies and how it is cleared, and the three stories of document 000, for each
// release at which something changes; at 219 over the API user's password, too.
//
// seed:api S000-07 S000-09 S000-10 S000-11 S000-12 S000-13 S000-14 S000-15 S000-18 S000-19 S000-20 S000-22 S000-23 S000-24 S000-25 S000-26 S000-33 S000-34 S000-35 S000-36 S000-37 S000-38 S000-39
// seed:api S001-03 S001-04 S001-12 S001-14 S001-15 S001-16 S002-08 S002-09
// seed:page S000-07 S000-09 S000-10 S000-11 S000-12 S000-13 S000-14 S000-15
func TestTokenStore(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		for _, release := range []string{"5.400", "5.493", "219", "220"} {
			t.Run(kind+" "+release, func(t *testing.T) {
				t.Parallel()
				d, dsn := embedded(t, kind, clouds{release: release})
				d.TenantPasswords = release == "219" // the last one that may be joined by the API user's password
				contract.RunTokenStore(t, d, release)
				noPasswords(t, d, dsn)
			})
		}
	}
}

// TestSeveralOrgs: a production org and a sandbox on one enterprise, the sandbox in a business unit of its own.
func TestSeveralOrgs(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var sandbox contract.Deployment
			d, dsn := embedded(t, kind, clouds{sandbox: &sandbox})
			d.Pair = "pair"
			contract.RunSeveralOrgs(t, d, sandbox)
			noPasswords(t, d, dsn)
			noPasswords(t, sandbox, dsn)
		})
	}
}

// dsns gives each house its database: a file, or one fresh PostgreSQL database for all.
func dsns(t *testing.T, kind string) func(house string) string {
	t.Helper()
	if kind == "sqlite" {
		dir := t.TempDir()
		return func(house string) string { return filepath.Join(dir, house+".db") }
	}
	dsn := spawn.DSN(t, kind)
	return func(string) string { return dsn }
}

// site is a listener whose handler comes later: a house must know its URL before it is made.
type site struct {
	listener net.Listener
	url      string
}

func newSite(t *testing.T) site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return site{l, "http://" + l.Addr().String()}
}

func (s site) serve(t *testing.T, h http.Handler, log *slog.Logger, house string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- web.Serve(ctx, []net.Listener{s.listener}, h, web.ServeOptions{Log: log, House: house})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func person(name string) contract.Person {
	return contract.Person{Username: name, Password: vault.Secret("Pw1-" + oauth.NewToken(12)), SecurityToken: vault.Secret(oauth.NewToken(18))}
}

// noPasswords searches all that Connect stored for the passwords that the suite's people typed.
func noPasswords(t *testing.T, d contract.Deployment, dsn string) {
	t.Helper()
	var stored []byte
	if u, err := url.Parse(dsn); err == nil && u.Scheme == "postgres" {
		stored = dump(t, dsn)
		if !bytes.Contains(stored, []byte(probe)) {
			t.Fatal("the search does not find what lies in bytes")
		}
	} else {
		for _, suffix := range []string{"", "-wal"} {
			part, err := os.ReadFile(dsn + suffix)
			if err != nil {
				t.Fatal(err)
			}
			stored = append(stored, part...)
		}
	}
	if !bytes.Contains(stored, []byte(d.TenantMember.Username)) {
		t.Fatal("the search does not find what is there")
	}
	for _, p := range []contract.Person{d.OrgAdmin, d.SystemUser, d.Member, d.Outsider, d.APIUser, d.TenantMember, d.TenantOther} {
		for _, secret := range []vault.Secret{p.Password, p.SecurityToken, d.ConnectToken, d.ServerSecret, d.WebSecret} {
			if secret != "" && (bytes.Contains(stored, []byte(secret.Reveal())) || bytes.Contains(stored, []byte(hex.EncodeToString([]byte(secret.Reveal()))))) {
				t.Errorf("Connect's database holds a secret of %s", p.Username)
			}
		}
	}
}

// probe lies in a column of bytes, to show that the search finds what is there.
const probe = "a probe that lies in bytes"

// dump is every value of every row of every table of Connect's schema, bytes as they are and not as PostgreSQL writes them.
func dump(t *testing.T, dsn string) []byte {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }() // read below
	query := func(text string) []string {
		rows, err := conn.Query(ctx, text)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	var out bytes.Buffer
	if _, err := conn.Exec(ctx, `CREATE TABLE connect.probe AS SELECT convert_to('`+probe+`', 'UTF8') AS b`); err != nil {
		t.Fatal(err)
	}
	for _, table := range query(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'connect'`) {
		rows, err := conn.Query(ctx, `SELECT * FROM connect.`+pgx.Identifier{table}.Sanitize())
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				if b, isBytes := v.([]byte); isBytes {
					v = string(b)
				}
				_, _ = fmt.Fprintf(&out, "%v\n", v) // a Buffer takes everything
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(ctx, `DROP TABLE connect.probe`); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// clouds say what is unusual in an org and a tenant.
type clouds struct {
	release string // of the managed package; "" is the newest
	crowd   int    // further users in both clouds, integrated: crmName(n), tenantName(n)
	// sandbox, where it is not nil, becomes a second org on the same enterprise: a sandbox, to be connected into a business unit of its own.
	sandbox *contract.Deployment
	// front stands before both clouds; nil for nothing.
	front func(http.Handler) http.Handler
}

func crmName(kind string, n int) string { return fmt.Sprintf("user%05d@%s.crowd.example", n, kind) }

func tenantName(n int) string { return fmt.Sprintf("user%05d.mc", n) }

// connectPackage is the installed package that holds Connect's certificate for one connection.
func connectPackage(name, id, certificate, connectURL string) engagement.PackageSpec {
	return engagement.PackageSpec{
		Name: name, Type: "connect", ClientID: id, Certificate: certificate, RedirectURIs: []string{connectURL + "/oauth/engagement/callback"},
		Scopes: []string{"email_read", "email_send", "email_write", "list_and_subscribers_read", "data_extensions_read", "offline"},
	}
}

// embedded makes an org, a tenant and Connect as they are when document 001 is done up to its step 32, and gives the DSN
// of Connect's database.
func embedded(t *testing.T, kind string, c clouds) (contract.Deployment, string) {
	t.Helper()
	if c.front == nil {
		c.front = func(h http.Handler) http.Handler { return h }
	}
	ctx := t.Context()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	closing := func(c interface{ Close() error }) {
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	dsn := dsns(t, kind)
	v, err := vault.Open(filepath.Join(t.TempDir(), "key"))
	must(err)
	orgSite, tenantSite, connectSite, smtp := newSite(t), newSite(t), newSite(t), newSite(t)
	inbox, err := mail.OpenInbox(mail.InboxOptions{Dir: t.TempDir(), Listener: smtp.listener, Log: log})
	must(err)
	closing(inbox)
	sender, err := mail.NewSender(inbox.URL())
	must(err)

	suffix := hex.EncodeToString([]byte(kind))
	at := func(name string) string { return name + "@" + suffix + ".example" }
	key, err := oauth.NewKey()
	must(err)
	certificate, err := oauth.NewCertificate("contract", key, time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0))
	must(err)
	d := contract.Deployment{
		OrgURL: orgSite.url, AuthURL: tenantSite.url + "/", ConnectURL: connectSite.url, ConnectToken: vault.Secret(oauth.NewToken(32)),
		OrgAdmin: person(at("admin")), SystemUser: person(at("system")), Member: person(at("member")), Outsider: person(at("outsider")),
		JWTApp: "jwt-app-" + oauth.NewToken(16), JWTAppKey: key, PublicApp: "public-app-" + oauth.NewToken(16), Redirect: "http://localhost:9876/callback",
		PackageApp: "et4ae5__Salesforce_Marketing_Cloud",
		EID:        engagement.NewEID(), APIUser: person("mc-api-user"), TenantMember: person("member.mc"), TenantOther: person("other.mc"),
		ServerPackage: "s" + oauth.NewToken(16), ServerSecret: vault.Secret(oauth.NewToken(24)), Definition: "welcome",
		WebPackage: "w" + oauth.NewToken(16), WebSecret: vault.Secret(oauth.NewToken(24)), OrgPasswords: true,
	}
	packageKey, consoleKey, packageClient := "package-app-"+oauth.NewToken(16), "console-"+oauth.NewToken(16), "c"+oauth.NewToken(16)
	d.ConnectPackage = packageClient

	bridge, err := connect.New(ctx, connect.Options{DSN: dsn("connect"), Relaxed: true, BaseURL: connectSite.url, Vault: v, Log: log})
	must(err)
	closing(bridge)
	orgPEM, tenantPEM, err := bridge.Certificates(ctx, "pair")
	must(err)

	org, err := crm.New(ctx, crm.Options{DSN: dsn("crm"), Relaxed: true, BaseURL: orgSite.url, Vault: v, Log: log})
	must(err)
	closing(org)
	user := func(p contract.Person, profile string) crm.UserSpec {
		return crm.UserSpec{Username: p.Username, Email: p.Username, FirstName: "F", LastName: "L", Profile: profile, Password: p.Password, SecurityToken: p.SecurityToken}
	}
	orgUsers := []crm.UserSpec{user(d.OrgAdmin, "System Administrator"), user(d.SystemUser, "System Administrator"), user(d.Member, "Standard User"), user(d.Outsider, "Standard User")}
	for n := range c.crowd {
		orgUsers = append(orgUsers, crm.UserSpec{Username: crmName(kind, n), LastName: "Crowd", Profile: "Standard User"})
	}
	must(org.CreateOrg(ctx, crm.OrgSpec{
		ID: crm.NewOrgID(), Name: "Contract", MyDomain: "contract-" + suffix, Package: c.release, Users: orgUsers,
		ConnectedApps: []crm.ConnectedAppSpec{
			{
				Name: "Salesforce Marketing Cloud", DeveloperName: "Salesforce_Marketing_Cloud", Namespace: "et4ae5", ConsumerKey: packageKey,
				CallbackURLs: []string{connectSite.url + "/oauth/crm/callback"}, Scopes: []string{"api", "refresh_token", "web"}, Certificate: orgPEM, AdminApproved: true,
			},
			{
				Name: "Twinspan Console", DeveloperName: "Twinspan_Console", ConsumerKey: consoleKey, CallbackURLs: []string{connectSite.url + "/oauth/crm/callback"},
				Scopes: []string{"openid", "id"}, PKCERequired: true, SecretOptional: true,
			},
			{Name: "JWT", DeveloperName: "JWT", ConsumerKey: d.JWTApp, CallbackURLs: []string{d.Redirect}, Scopes: []string{"api", "refresh_token", "openid"}, Certificate: certificate, AdminApproved: true},
			{Name: "Public", DeveloperName: "Public", ConsumerKey: d.PublicApp, CallbackURLs: []string{d.Redirect}, Scopes: []string{"openid", "id"}, PKCERequired: true, SecretOptional: true},
		},
		PermissionSets: []crm.PermissionSetSpec{
			{Label: "Marketing Cloud Connected App", Assignees: []string{d.SystemUser.Username}, Apps: []string{"Salesforce_Marketing_Cloud"}},
			{Label: "Marketing Cloud Connector", Namespace: "et4ae5", Assignees: []string{d.SystemUser.Username}},
			{Label: "Marketing Cloud Connector Admin", Namespace: "et4ae5", Assignees: []string{d.SystemUser.Username}},
			{Label: "Marketing Cloud System User", Namespace: "et4ae5", Assignees: []string{d.SystemUser.Username}},
			{Label: "JWT", Assignees: []string{d.OrgAdmin.Username}, Apps: []string{"JWT"}},
		},
	}))

	tenant, err := engagement.New(ctx, engagement.Options{DSN: dsn("engagement"), Relaxed: true, BaseURL: tenantSite.url, Vault: v, Mail: sender, Log: log})
	must(err)
	closing(tenant)
	member := []string{"Content Creator", "Data Manager", "Marketing Cloud Content Editor/Publisher"}
	tenantUsers := []engagement.UserSpec{
		{Username: d.APIUser.Username, Email: "api@tenant.example", Password: d.APIUser.Password, APIUser: true, Roles: []string{"Administrator", "Marketing Cloud Administrator"}},
		{Username: d.TenantMember.Username, Email: "member@tenant.example", Password: d.TenantMember.Password, Roles: member},
		{Username: d.TenantOther.Username, Email: "other@tenant.example", Password: d.TenantOther.Password, Roles: member[1:2], SalesforceStatus: d.Outsider.Username},
	}
	for n := range c.crowd {
		tenantUsers = append(tenantUsers, engagement.UserSpec{Username: tenantName(n), Email: "crowd@tenant.example", PasswordHash: vaulttest.Hash("Pw1-crowd-password"), Roles: member, SalesforceStatus: crmName(kind, n)})
	}
	var units []engagement.BusinessUnitSpec
	packages := []engagement.PackageSpec{connectPackage("Marketing Cloud Connect", packageClient, tenantPEM, connectSite.url)}
	if c.sandbox != nil {
		s := d
		s.Pair, s.MID, s.ConnectToken, s.ConnectPackage = "sandbox", engagement.NewEID(), vault.Secret(oauth.NewToken(32)), "c"+oauth.NewToken(16)
		copyOf := func(name string) contract.Person { return person(at(name) + ".sandbox") } // as a real copy names its users
		s.OrgAdmin, s.SystemUser, s.Member, s.Outsider = copyOf("admin"), copyOf("system"), copyOf("member"), copyOf("outsider")
		orgPEM, tenantPEM, err := bridge.Certificates(ctx, s.Pair)
		must(err)
		key := "sandbox-app-" + oauth.NewToken(16)
		must(org.CreateOrg(ctx, crm.OrgSpec{
			ID: crm.NewOrgID(), Name: "Sandbox", MyDomain: "contract-" + suffix + "-sandbox", Sandbox: true,
			Users: []crm.UserSpec{user(s.OrgAdmin, "System Administrator"), user(s.SystemUser, "System Administrator"), user(s.Member, "Standard User"), user(s.Outsider, "Standard User")},
			ConnectedApps: []crm.ConnectedAppSpec{{
				Name: "Salesforce Marketing Cloud", DeveloperName: "Salesforce_Marketing_Cloud", Namespace: "et4ae5", ConsumerKey: key,
				CallbackURLs: []string{connectSite.url + "/oauth/crm/callback"}, Scopes: []string{"api", "refresh_token", "web"}, Certificate: orgPEM, AdminApproved: true,
			}, {
				Name: "Twinspan Console", DeveloperName: "Twinspan_Console", ConsumerKey: key + "-console", CallbackURLs: []string{connectSite.url + "/oauth/crm/callback"},
				Scopes: []string{"openid", "id"}, PKCERequired: true, SecretOptional: true,
			}},
			PermissionSets: []crm.PermissionSetSpec{
				{Label: "Marketing Cloud Connected App", Assignees: []string{s.SystemUser.Username}, Apps: []string{"Salesforce_Marketing_Cloud"}},
				{Label: "Marketing Cloud Connector", Namespace: "et4ae5", Assignees: []string{s.SystemUser.Username}},
				{Label: "Marketing Cloud Connector Admin", Namespace: "et4ae5", Assignees: []string{s.SystemUser.Username}},
				{Label: "Marketing Cloud System User", Namespace: "et4ae5", Assignees: []string{s.SystemUser.Username}},
			},
		}))
		must(bridge.PutLink(ctx, connect.LinkSpec{
			Standing: "embedded", PairID: s.Pair, CRMURL: orgSite.url, ConnectedApp: "Salesforce Marketing Cloud", ConsumerKey: key, ConsoleClientID: key + "-console",
			EngagementAuthURL: tenantSite.url + "/", PackageClientID: s.ConnectPackage, EID: s.EID, APIToken: s.ConnectToken,
		}))
		units = []engagement.BusinessUnitSpec{{MID: s.MID, Name: "Trials"}}
		packages = append(packages, connectPackage("Marketing Cloud Connect of the sandbox", s.ConnectPackage, tenantPEM, connectSite.url))
		tenantUsers[1].MIDs = []int64{d.EID, s.MID} // he works in both
		*c.sandbox = s
	}
	must(tenant.CreateTenant(ctx, engagement.TenantSpec{
		EID: d.EID, Name: "Contract", AccountType: "ENTERPRISE_2", Users: tenantUsers,
		BusinessUnits: units,
		Packages: append(packages, []engagement.PackageSpec{
			{
				Name: "Web", Type: "web", ClientID: d.WebPackage, Secret: d.WebSecret, RedirectURIs: []string{connectSite.url + "/oauth/engagement/callback"},
				Scopes: []string{"email_read", "email_send", "offline"},
			},
			{
				Name: "Server", Type: "server", ClientID: d.ServerPackage, Secret: d.ServerSecret,
				Scopes: []string{"email_read", "email_send", "email_write", "list_and_subscribers_read", "list_and_subscribers_write", "users_read", "users_write", "accounts_read", "accounts_write", "marketing_cloud_connect_write"},
			},
		}...),
		Emails:      []engagement.EmailSpec{{CustomerKey: "welcome-email", Name: "Welcome", Subject: "Welcome, %%First Name%%", HTML: "<p>Dear %%First Name%%</p>", Text: "Dear %%First Name%%"}},
		Definitions: []engagement.DefinitionSpec{{Key: d.Definition, Name: "Welcome", EmailKey: "welcome-email", FromName: "Twinspan"}},
	}))
	must(bridge.PutLink(ctx, connect.LinkSpec{
		Standing: "embedded",
		PairID:   "pair", CRMURL: orgSite.url, ConnectedApp: "Salesforce Marketing Cloud", ConsumerKey: packageKey, ConsoleClientID: consoleKey,
		EngagementAuthURL: tenantSite.url + "/", PackageClientID: packageClient, EID: d.EID, APIToken: d.ConnectToken,
	}))

	connectSite.serve(t, bridge.Handler(), log, "connect")
	orgSite.serve(t, c.front(org.Handler()), log, "crm")
	tenantSite.serve(t, c.front(tenant.Handler()), log, "engagement")
	return d, dsn("connect")
}
