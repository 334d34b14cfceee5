package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// The most calls that one look makes, signing in included. What would need more is not made, and the checks that rest on
// it say so.
const (
	MaxOrgCalls    = 70
	MaxTenantCalls = 70
)

// Bounds of the lists that are read by page.
const (
	maxPeople   = 20_000 // users of the org who have one of the package's boxes
	maxMappings = 20_000
)

// Own tells what Connect knows of a connection.
type Own struct {
	Mappings interface {
		Known(ctx context.Context, pair, after string, limit int) ([]mapping.Known, error)
	}
	Triggers interface {
		List(ctx context.Context, l link.Link) ([]trigger.Trigger, error)
	}
	Integration interface {
		Account(ctx context.Context, l link.Link) (integration.Account, error)
	}
	Sends interface {
		List(ctx context.Context, l link.Link, state mailing.State, limit int) ([]mailing.Mailing, error)
	}
	Calls interface {
		Calls(ctx context.Context, pair string, from time.Time) ([]usage.Row, error)
	}
	Fixes      Fixes
	Migrations interface {
		Offer(ctx context.Context, l link.Link) (migration.Offer, error)
	}
}

// Pinger asks the front door of a cloud, without signing in.
type Pinger interface {
	Ping(ctx context.Context, baseURL string) (Door, error)
}

// Eyes are sessions of people who see more than Connect's own users, lent for one look. Without them Connect looks as the
// system user and as the API user, whom a broken span leaves outside.
type Eyes struct {
	OrgToken       vault.Secret // access token of an administrator of the org; "" for none
	OrgInstanceURL string       // where it is good; "" is the connection's own address
	TenantToken    vault.Secret // access token that may read users and settings of the tenant; "" for none
	TenantRESTURL  string
	TenantSOAPURL  string
}

// tally counts the calls of one look and lets no more than the bound through.
type tally struct{ org, tenant atomic.Int64 }

// errBound is the refusal of a call beyond the bound.
var errBound = fault.New(fault.Limited, client.CodeLimited, "The look has made as many calls as it may.")

// Transport implements link.Meter.
func (t *tally) Transport(_ link.Link, cloud link.Direction, _ time.Time, next http.RoundTripper) http.RoundTripper {
	n, bound := &t.org, int64(MaxOrgCalls)
	if cloud == link.IntoTenant {
		n, bound = &t.tenant, MaxTenantCalls
	}
	return counting(func(r *http.Request) (*http.Response, error) {
		if n.Add(1) > bound {
			n.Add(-1)
			return nil, errBound
		}
		return next.RoundTrip(r)
	})
}

type counting func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (c counting) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

// Read looks at everything once. Its error is of Connect's own database, or of eyes that are not this connection's; what a
// cloud does not tell is remembered in the Look.
func (s *Service) Read(ctx context.Context, l link.Link, eyes Eyes) (*Look, error) {
	return s.read(ctx, l, eyes, nil)
}

func (s *Service) read(ctx context.Context, l link.Link, eyes Eyes, patient *Patient) (*Look, error) {
	calls := &tally{}
	r := &reader{links: s.links.AlsoMetered(calls), look: &Look{Now: s.links.Now(l), Callbacks: s.back, Patient: patient}, eyes: eyes}
	if err := checkEyes(l, eyes); err != nil {
		return nil, err
	}
	orgDown := r.links.CheckSpan(ctx, l, link.IntoOrg)
	tenantDown := r.links.CheckSpan(ctx, l, link.IntoTenant)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var err error
	if l, err = s.links.Link(ctx, l.Pair); err != nil {
		return nil, err
	}
	r.link, r.look.Link = l, l
	if err := r.readOwn(ctx, s.own); err != nil {
		return nil, err
	}
	if patient != nil {
		r.readOrg(ctx, orgDown) // who his Engagement user is, his record there tells
		r.readTenant(ctx, tenantDown)
	} else { // each fills fields of its own
		var both sync.WaitGroup
		both.Go(func() { r.readOrg(ctx, orgDown) })
		both.Go(func() { r.readTenant(ctx, tenantDown) })
		both.Wait()
	}
	r.look.OrgDoor, r.look.TenantDoor = door(ctx, s.doors, l.CRMURL), door(ctx, s.doors, l.AuthURL)
	r.look.orgCalls, r.look.tenantCalls = int(calls.org.Load())+1, int(calls.tenant.Load())+1
	return r.look, ctx.Err()
}

// reader fills a Look.
type reader struct {
	links *link.Service
	link  link.Link
	look  *Look
	eyes  Eyes
	own   bool // the org is being read as the system user
}

// fetch reads one thing, unless it was read already, and remembers why it could not.
func fetch[T any](into *Read[T], read func() (T, error)) {
	if into.read {
		return
	}
	v, err := read()
	if err != nil {
		lose(into, reason(err)) // what was said first is what the connection's own user met
		return
	}
	*into = Got(v)
}

// reason is an error for whoever reads a report.
func reason(err error) string {
	var f *fault.Error
	switch {
	case errors.Is(err, errBound):
		return errBound.Message
	case errors.As(err, &f) && f.Kind != fault.Internal && f.Message != "":
		return strings.Join(strings.Fields(f.Message), " ") // an org draws arrows under a query
	case errors.Is(err, context.DeadlineExceeded):
		return "The time for it was over."
	}
	return "It could not be read."
}

func door(ctx context.Context, p Pinger, base string) Read[Door] {
	var out Read[Door]
	fetch(&out, func() (Door, error) { return p.Ping(ctx, base) })
	return out
}

// readOwn reads what Connect knows.
func (r *reader) readOwn(ctx context.Context, own Own) error {
	var all []mapping.Mapping
	for after := ""; len(all) < maxMappings; {
		page, err := own.Mappings.Known(ctx, r.link.Pair, after, 1000)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, k := range page {
			after = k.Mapping.CRMUsername
			if k.Clear.At.IsZero() {
				all = append(all, k.Mapping)
			}
		}
	}
	r.look.Mappings = Got(all)
	triggers, err := own.Triggers.List(ctx, r.link)
	if err != nil {
		return err
	}
	r.look.Triggers = Got(triggers)
	account, err := own.Integration.Account(ctx, r.link)
	if err != nil && fault.CodeOf(err) != integration.CodeNotFound {
		return err
	}
	r.look.Integration = Got(account)
	sends, err := own.Sends.List(ctx, r.link, "", 200)
	if err != nil {
		return err
	}
	r.look.Sends = Got(sends)
	rows, err := own.Calls.Calls(ctx, r.link.Pair, r.look.Now.Add(-week))
	if err != nil {
		return err
	}
	r.look.Calls = Got(callsOf(rows, r.look.Now))
	offer, err := own.Migrations.Offer(ctx, r.link)
	if err != nil {
		return err
	}
	r.look.Migration = Got(offer)
	if r.look.MultiOrg, err = r.links.MultiOrg(ctx, r.link); err != nil {
		return err
	}
	orgPEM, tenantPEM, err := r.links.Certificates(ctx, r.link.Pair)
	if fault.CodeOf(err) == link.CodeCredentialCorrupt {
		r.look.Certificate = Lost[[]Certificate](fault.Of(err).Message)
		return nil
	}
	if err != nil {
		return err
	}
	var certificates []Certificate
	for d, text := range map[link.Direction]string{link.IntoOrg: orgPEM, link.IntoTenant: tenantPEM} {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		certificates = append(certificates, Certificate{d, c.NotAfter})
	}
	r.look.Certificate = Got(certificates)
	return nil
}

const week = 7 * 24 * time.Hour

// callsOf sums calls: of this hour, and what is usual in one of the last week.
func callsOf(rows []usage.Row, now time.Time) Calls {
	var c Calls
	var all int64
	for _, row := range rows {
		all += row.Calls
		if !row.Hour.Before(now.Truncate(time.Hour)) {
			c.Now += row.Calls
		}
	}
	c.Usual = all / int64(week.Hours())
	return c
}

// notConnected is why a cloud was not looked at that was never connected.
func notConnected(cloud, user string) string {
	return fmt.Sprintf("The %s is not connected: there is no %s to look as.", cloud, user)
}

// ownOrg gives fn a session of the system user.
func (r *reader) ownOrg(ctx context.Context, down error, fn func(*crm.Session)) (why string) {
	l := r.link
	switch {
	case down != nil:
		return reason(down)
	case l.Org.Username == "":
		return notConnected("org", "system user")
	case l.Org.State == link.SpanBroken:
		return fmt.Sprintf("The org refuses the system user %s (%s: %s), so nothing in it can be read.", l.Org.Username, l.Org.Cause.Code, trimmed(l.Org.Cause.Text))
	}
	err := r.links.CallOrg(ctx, l, func(org *crm.Session) error {
		fn(org)
		return nil
	})
	if err != nil {
		return reason(err)
	}
	return ""
}

// lentOrg gives fn the session that was lent, where there is one and it is the connection's org's.
func (r *reader) lentOrg(ctx context.Context, fn func(*crm.Session)) (why string) {
	l := r.link
	if r.eyes.OrgToken == "" {
		return ""
	}
	c, err := r.links.OrgClient(l)
	if err != nil {
		return reason(err)
	}
	lent := c.Session(crm.Token{AccessToken: r.eyes.OrgToken, InstanceURL: or(r.eyes.OrgInstanceURL, l.CRMURL)})
	id, err := lent.UserInfo(ctx)
	switch {
	case err != nil:
		return "The session that was lent is not taken: " + reason(err)
	case l.Org.OrgID != "" && id.OrgID != l.Org.OrgID:
		return "The session that was lent is of org " + id.OrgID + ", and the connection belongs to org " + l.Org.OrgID + "."
	}
	fn(lent)
	return ""
}

// ownTenant gives fn a session of the API user.
func (r *reader) ownTenant(ctx context.Context, down error, fn func(*engagement.Session)) (why string) {
	l := r.link
	switch {
	case down != nil:
		return reason(down)
	case l.Tenant.Username == "":
		return notConnected("tenant", "API user")
	case l.Tenant.State == link.SpanBroken:
		return fmt.Sprintf("Engagement refuses the API user %s (%s: %s), so nothing in it can be read.", l.Tenant.Username, l.Tenant.Cause.Code, trimmed(l.Tenant.Cause.Text))
	}
	err := r.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		fn(tenant)
		return nil
	})
	if err != nil {
		return reason(err)
	}
	return ""
}

// lentTenant gives fn the session that was lent, where there is one and it is the connection's tenant's.
func (r *reader) lentTenant(ctx context.Context, fn func(*engagement.Session)) (why string) {
	if r.eyes.TenantToken == "" {
		return ""
	}
	c, err := r.links.TenantClient(r.link)
	if err != nil {
		return reason(err)
	}
	fn(c.Session(engagement.Token{AccessToken: r.eyes.TenantToken, RESTURL: r.eyes.TenantRESTURL, SOAPURL: r.eyes.TenantSOAPURL}))
	return ""
}
