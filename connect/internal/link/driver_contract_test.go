package link_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// canaries are the secrets that nothing may show: of the system user, the API user and the customer's package.
const systemPassword, systemToken, apiPassword, serverSecret, webSecret = "canary-org-Qx7", "canary-token-Hd7", "canary-api-Wm2", "canary-server-Kp9", "canary-web-Zt4"

// ground is a pair of test clouds in May 2016 and a Connect beside them, with nothing connected.
type ground struct {
	org    *linktest.Org
	tenant *linktest.Tenant
	links  *link.Service
	db     *sqldb.DB
	app    linktest.Person // as whom the customer's package works
}

func newGround(t *testing.T, db *sqldb.DB) *ground {
	t.Helper()
	sys, api := system, apiUser
	sys.Password, api.Password = systemPassword, apiPassword
	g := &ground{db: db, app: linktest.Person{ID: "700099", Username: "Bridge app user"}}
	g.org, g.tenant = linktest.NewOrg(t, []linktest.Person{sys, ann}, system.Username), linktest.NewTenant(t, []linktest.Person{api, annMC, g.app})
	g.org.SetSecurityToken(system.Username, systemToken)
	g.org.ConsumerKey, g.tenant.ClientID, g.tenant.APIUser = "consumer-key", "package-client", apiUser.Username
	g.tenant.Server, g.tenant.Web, g.tenant.AppUser = linktest.Client{ID: "server", Secret: serverSecret}, linktest.Client{ID: "web", Secret: webSecret}, g.app.Username
	g.tenant.Grant(apiUser.Username, true)
	before := time.Until(time.Date(2016, time.May, 2, 8, 0, 0, 0, time.UTC))
	now := func() time.Time { return time.Now().Add(before) }
	g.org.Now, g.tenant.Now = now, now
	store := sqlstore.New(db)
	tr := client.NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	g.links = link.NewService(store, link.NewKeyring(store, linktest.PutKeys(t, store)), &http.Client{Transport: tr, Timeout: time.Minute}, nil)
	g.links.SignInReturn("http://connect.example/callback")
	ctx := t.Context()
	var err error
	if g.org.Certificate, g.tenant.Certificate, err = g.links.Certificates(ctx, linktest.Pair); err == nil {
		err = g.links.Put(ctx, linktest.Pair, vault.HashToken("t"), link.Params{
			Standing: link.Embedded, CRMURL: g.org.URL, ConnectedApp: "app", ConsumerKey: g.org.ConsumerKey, ConsoleClientID: "console", AuthURL: g.tenant.URL, PackageClientID: g.tenant.ClientID, EID: linktest.EID,
		})
	}
	if err == nil {
		err = g.links.SetClock(ctx, linktest.Pair, before)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// later moves the domain time on.
func (g *ground) later(t *testing.T, by time.Duration) {
	t.Helper()
	offset := g.link(t).ClockOffset + by
	if err := g.links.SetClock(t.Context(), linktest.Pair, offset); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Now().Add(offset) }
	g.org.Now, g.tenant.Now = now, now
}

func (g *ground) link(t *testing.T) link.Link {
	t.Helper()
	l, err := g.links.Link(t.Context(), linktest.Pair)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// trouble is something that becomes of what a driver signs in with, and how that is mended.
type trouble struct {
	cause fault.Code // that breaks the span
	do    func(g *ground)
	mend  func(g *ground) error
}

// spanDriver is one driver of one span, as the contract sees it.
type spanDriver struct {
	name  string
	span  link.Direction
	by    link.Driver
	as    string // user name on the span
	token string // call by which a token is got
	// connect connects with the right secrets, wrong with others, which is refused with the code.
	connect, wrong func(ctx context.Context, g *ground) error
	refused        fault.Code
	troubles       []trouble
}

func (g *ground) byOrg(ctx context.Context, r link.OrgRequest) error {
	r.Username, r.Actor = system.Username, "test"
	_, err := g.links.ConnectOrgBy(ctx, linktest.Pair, r)
	return err
}

func (g *ground) byTenant(ctx context.Context, r link.TenantRequest) error {
	r.Actor = "test"
	_, err := g.links.ConnectTenantBy(ctx, linktest.Pair, r)
	return err
}

func drivers() []spanDriver {
	const orgToken, tenantToken = "POST /services/oauth2/token", "POST /v2/token"
	pkg := func(secret string) link.TenantRequest {
		return link.TenantRequest{Driver: link.WebApp, MID: linktest.EID, Package: link.PackageClient{ID: "server", Secret: vault.Secret(secret), UserID: "web", UserSecret: webSecret}}
	}
	return []spanDriver{
		{
			name: "jwt into the org", span: link.IntoOrg, by: link.JWT, as: system.Username, token: orgToken,
			connect: func(ctx context.Context, g *ground) error { return g.byOrg(ctx, link.OrgRequest{Driver: link.JWT}) },
			wrong: func(ctx context.Context, g *ground) error {
				g.org.Approve(system.Username, false)
				defer g.org.Approve(system.Username, true)
				return g.byOrg(ctx, link.OrgRequest{Driver: link.JWT})
			},
			refused: "invalid_app_access",
			troubles: []trouble{{
				"invalid_app_access", func(g *ground) { g.org.Approve(system.Username, false) },
				func(g *ground) error { g.org.Approve(system.Username, true); return nil },
			}},
		},
		{
			name: "password into the org", span: link.IntoOrg, by: link.Password, as: system.Username, token: "POST /services/Soap/u/65.0",
			connect: func(ctx context.Context, g *ground) error {
				return g.byOrg(ctx, link.OrgRequest{Driver: link.Password, Password: systemPassword, SecurityToken: systemToken})
			},
			wrong: func(ctx context.Context, g *ground) error {
				return g.byOrg(ctx, link.OrgRequest{Driver: link.Password, Password: "wrong"})
			},
			refused: "INVALID_LOGIN",
			troubles: []trouble{
				{link.CodeLocked, func(g *ground) { g.org.Lock(system.Username, true) }, func(g *ground) error { g.org.Lock(system.Username, false); return nil }},
				{link.CodeTokenReset, func(g *ground) { g.org.SetSecurityToken(system.Username, "other") }, func(g *ground) error {
					return g.byOrg(context.Background(), link.OrgRequest{Driver: link.Password, Password: systemPassword, SecurityToken: "other"})
				}},
			},
		},
		{
			name: "jwt into Engagement", span: link.IntoTenant, by: link.JWT, as: apiUser.Username, token: tenantToken,
			connect: func(ctx context.Context, g *ground) error {
				return g.byTenant(ctx, link.TenantRequest{Username: apiUser.Username, Driver: link.JWT})
			},
			wrong: func(ctx context.Context, g *ground) error {
				g.tenant.Grant(apiUser.Username, false)
				defer g.tenant.Grant(apiUser.Username, true)
				return g.byTenant(ctx, link.TenantRequest{Username: apiUser.Username, Driver: link.JWT})
			},
			refused: "invalid_grant",
			troubles: []trouble{{
				"invalid_grant", func(g *ground) { g.tenant.Grant(apiUser.Username, false) },
				func(g *ground) error { g.tenant.Grant(apiUser.Username, true); return nil },
			}},
		},
		{
			name: "password into Engagement", span: link.IntoTenant, by: link.Password, as: apiUser.Username, token: tenantToken,
			connect: func(ctx context.Context, g *ground) error {
				g.org.Install(219, 0)
				if err := g.byOrg(ctx, link.OrgRequest{Driver: link.JWT}); err != nil {
					return err
				}
				return g.byTenant(ctx, link.TenantRequest{Username: apiUser.Username, Driver: link.Password, Password: apiPassword})
			},
			wrong: func(ctx context.Context, g *ground) error {
				g.org.Install(219, 0)
				if err := g.byOrg(ctx, link.OrgRequest{Driver: link.JWT}); err != nil {
					return err
				}
				return g.byTenant(ctx, link.TenantRequest{Username: apiUser.Username, Driver: link.Password, Password: "wrong"})
			},
			refused: link.CodeCredentialsRefused,
			troubles: []trouble{
				{link.CodeLocked, func(g *ground) { g.tenant.Lock(apiUser.Username, true) }, func(g *ground) error { g.tenant.Lock(apiUser.Username, false); return nil }},
				{link.CodePasswordChanged, func(g *ground) { g.tenant.SetPassword(apiUser.Username, "other") }, func(g *ground) error {
					return g.byTenant(context.Background(), link.TenantRequest{Driver: link.Password, Password: "other"})
				}},
			},
		},
		{
			name: "web app into Engagement", span: link.IntoTenant, by: link.WebApp, as: "Bridge app user", token: tenantToken,
			connect: func(ctx context.Context, g *ground) error { return g.byTenant(ctx, pkg(serverSecret)) },
			wrong:   func(ctx context.Context, g *ground) error { return g.byTenant(ctx, pkg("wrong")) },
			refused: link.CodeClientRefused,
			troubles: []trouble{{
				link.CodeClientRefused, func(g *ground) { g.tenant.SetPackage(linktest.Client{ID: "server", Secret: "other"}, g.tenant.Web) },
				func(g *ground) error { // the secret alone renews it; the web app's stays
					return g.byTenant(context.Background(), link.TenantRequest{Driver: link.WebApp, Package: link.PackageClient{Secret: "other"}})
				},
			}},
		},
	}
}

// use makes one call over the span as its own user.
func (d spanDriver) use(ctx context.Context, g *ground, l link.Link, call func() error) error {
	if d.span == link.IntoOrg {
		return g.links.CallOrg(ctx, l, func(*crm.Session) error { return call() })
	}
	return g.links.CallTenant(ctx, l, func(*engagement.Session) error { return call() })
}

func (d spanDriver) tokens(g *ground) int {
	if d.span == link.IntoOrg {
		return g.org.Calls(d.token)
	}
	return g.tenant.Calls(d.token)
}

func (d spanDriver) stands(l link.Link) (state link.SpanState, by link.Driver, user, cause string) {
	if d.span == link.IntoOrg {
		return l.Org.State, l.Org.Driver, l.Org.Username, l.Org.Cause.Code
	}
	return l.Tenant.State, l.Tenant.Driver, l.Tenant.Username, l.Tenant.Cause.Code
}

// TestEveryDriver is the contract of a driver, the same for all: it connects and reads back who that is; its token is
// cached, fetched once for many callers and dropped where the cloud no longer takes it; a refusal is named, breaks the span
// and is mended; and none of its secrets can be read in the database or an error.
func TestEveryDriver(t *testing.T) {
	t.Parallel()
	for _, d := range drivers() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) { d.keepsContract(t, newGround(t, db)) })
		})
	}
}

func (d spanDriver) keepsContract(t *testing.T, g *ground) {
	ctx := t.Context()
	nothing := func() error { return nil }
	var said []error
	err := d.wrong(ctx, g)
	said = append(said, err)
	if code := fault.CodeOf(err); code != d.refused && (client.Remote(err) == nil || client.Remote(err).Code != string(d.refused)) {
		t.Errorf("by wrong secrets: %v", err)
	}
	if state, _, user, _ := d.stands(g.link(t)); state != link.SpanDown || user != "" {
		t.Errorf("refused, the span is %s as %q", state, user)
	}
	if err := d.connect(ctx, g); err != nil {
		t.Fatal(err)
	}
	l := g.link(t)
	if state, by, user, _ := d.stands(l); state != link.SpanUp || by != d.by || user != d.as {
		t.Fatalf("connected, the span is %s by %s as %q", state, by, user)
	}

	g.later(t, time.Hour) // its token is out of date
	l = g.link(t)
	before := d.tokens(g)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := d.use(ctx, g, l, nothing); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := d.tokens(g) - before; n != 1 {
		t.Errorf("%d tokens for eight callers at once", n)
	}
	if err := d.use(ctx, g, l, nothing); err != nil || d.tokens(g)-before != 1 {
		t.Errorf("used again: %v, %d tokens", err, d.tokens(g)-before)
	}
	tries := 0
	err = d.use(ctx, g, l, func() error {
		if tries++; tries == 1 {
			return fault.New(fault.Denied, client.CodeUnauthorized, "401")
		}
		return nil
	})
	if err != nil || tries != 2 || d.tokens(g)-before != 2 {
		t.Errorf("a token that is no longer taken: %v after %d tries with %d tokens", err, tries, d.tokens(g)-before)
	}

	for _, c := range d.troubles {
		g.later(t, 5*time.Minute)
		c.do(g)
		l, err := g.links.Check(ctx, linktest.Pair) // signs in anew
		if state, _, _, cause := d.stands(l); err != nil || state != link.SpanBroken || cause != string(c.cause) {
			t.Errorf("%s: the span is %s by %s; %v", c.cause, state, cause, err)
		}
		said = append(said, d.use(ctx, g, l, nothing))
		g.later(t, 5*time.Minute)
		if err := c.mend(g); err != nil {
			t.Errorf("%s, mending: %v", c.cause, err)
		}
		if err := d.use(ctx, g, g.link(t), nothing); err != nil {
			t.Errorf("%s, mended: %v", c.cause, err)
		}
		if state, _, _, _ := d.stands(g.link(t)); state != link.SpanUp {
			t.Errorf("%s, mended: the span is %s", c.cause, state)
		}
	}

	dump := linktest.Dump(t, g.db)
	for _, secret := range []string{systemPassword, systemToken, apiPassword, serverSecret, webSecret} {
		if linktest.Contains(dump, secret) {
			t.Errorf("the database shows %s", secret)
		}
		for _, err := range said {
			if err != nil && linktest.Contains([]byte(err.Error()), secret) {
				t.Errorf("an error shows %s: %v", secret, err)
			}
		}
	}
	g.disconnects(t, d)
}

// disconnects: with the spans their secrets go.
func (g *ground) disconnects(t *testing.T, d spanDriver) {
	t.Helper()
	store := sqlstore.New(g.db)
	_, err := store.Credential(t.Context(), linktest.Pair, d.span)
	if kept := err == nil; kept != d.by.KeepsSecrets() {
		t.Errorf("credentials kept is %v: %v", kept, err)
	}
	g.org.Install(220, 0)
	l, err := store.UpdateLink(t.Context(), linktest.Pair, linktest.Why, func(l link.Link) (link.Link, error) { return l.Disconnected(), nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Credential(t.Context(), linktest.Pair, d.span); fault.CodeOf(err) != link.CodeNotFound {
		t.Errorf("disconnected, the credentials are there: %v", err)
	}
	if err := d.use(t.Context(), g, l, func() error { return nil }); fault.CodeOf(err) != link.CodeNotConnected {
		t.Errorf("disconnected: %v", err)
	}
}
