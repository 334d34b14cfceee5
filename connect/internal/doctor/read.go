package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	"github.com/twinspan/twinspan/internal/oauth"
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
	maxLogins   = 4_000 // of everybody, in the last day
	pastRounds  = 8
	// maxOwnPeople bounds the mapped users of an own link who are read one by one by id, at 400 a call.
	maxOwnPeople = 8_000
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
		// Check signs him in, unless he is broken already: a wrong password is not tried again and again.
		Check(ctx context.Context, l link.Link, again bool) (integration.Report, error)
	}
	Sends interface {
		List(ctx context.Context, l link.Link, state mailing.State, limit int) ([]mailing.Mailing, error)
	}
	Calls interface {
		Calls(ctx context.Context, pair string, from time.Time) ([]usage.Row, error)
	}
	Fixes  Fixes
	Rounds interface {
		Rounds(ctx context.Context, pair string, before int64, limit int) ([]Round, error)
	}
	Migrations interface {
		Offer(ctx context.Context, l link.Link) (migration.Offer, error)
	}
}

// Pinger asks the front door of a cloud, without signing in.
type Pinger interface {
	Ping(ctx context.Context, l link.Link, baseURL string) (Door, error)
}

// Eyes are sessions of people who see more than Connect's own users, lent for one look. Without them Connect looks as the
// system user and as the API user, whom a broken span leaves outside.
type Eyes struct {
	OrgToken       vault.Secret // access token of an administrator of the org; "" for none
	OrgInstanceURL string       // where it is good; "" is the connection's own address
	TenantToken    vault.Secret // access token that may read users and settings of the tenant; "" for none
	TenantRESTURL  string
	TenantSOAPURL  string
	// SystemUser and APIUser name whom the package works as, in the org and in Engagement, for a connection that does not know:
	// beside the package, and before it is connected. "" for nobody.
	SystemUser, APIUser string
}

// names gives the look whom the eyes name, where the connection has nobody of its own for it.
func (e Eyes) names(k *Look) {
	beside := k.Link.Standing == link.BesidePackage
	if e.SystemUser != "" && (beside || k.Link.Org.Username == "") {
		k.SystemName = e.SystemUser
	}
	if e.APIUser != "" && (beside || k.Link.Tenant.Username == "") {
		k.APIName = e.APIUser
	}
}

// tally counts the calls of one look and lets no more than the bound through.
type tally struct{ org, tenant atomic.Int64 }

// errBound is the refusal of a call beyond the bound.
var errBound = fault.New(fault.Limited, client.CodeLimited, "The look has made as many calls as it may.")

// errNoAnswer is why an org is not asked that did not answer just before.
var errNoAnswer = fault.New(fault.Unavailable, client.CodeNoAnswer, "The org does not answer.")

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
	// A cloud that takes a call and does not answer must not take the time of all that can be said without it.
	var orgDown, tenantDown error
	try := func(d link.Direction) error {
		bounded, cancel := context.WithTimeout(ctx, s.patience)
		defer cancel()
		return r.links.CheckSpan(bounded, l, d)
	}
	var first sync.WaitGroup
	first.Go(func() { orgDown = try(link.IntoOrg) })
	first.Go(func() { tenantDown = try(link.IntoTenant) })
	knock := func(base string) Read[Door] {
		bounded, cancel := context.WithTimeout(ctx, s.patience)
		defer cancel()
		return door(bounded, s.doors, l, base)
	}
	first.Go(func() { r.look.OrgDoor = knock(l.CRMURL) })
	first.Go(func() { r.look.TenantDoor = knock(l.AuthURL) })
	first.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var err error
	if l, err = s.links.Link(ctx, l.Pair); err != nil {
		return nil, err
	}
	r.link, r.look.Link = l, l
	r.look.tried(orgDown, tenantDown)
	eyes.names(r.look)
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
	r.readNobody(ctx, orgDown)
	r.readProduction(ctx)
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
	// siblings are the connections of other orgs to the same enterprise.
	siblings []link.Link
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

func door(ctx context.Context, p Pinger, l link.Link, base string) Read[Door] {
	var out Read[Door]
	fetch(&out, func() (Door, error) { return p.Ping(ctx, l, base) })
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
	r.look.Mappings, r.look.MappingsCut = Got(all), len(all) >= maxMappings
	triggers, err := own.Triggers.List(ctx, r.link)
	if err != nil {
		return err
	}
	r.look.Triggers = Got(triggers)
	fetch(&r.look.Integration, func() (integration.Account, error) {
		if r.look.OrgDoor.why != "" {
			return integration.Account{}, errNoAnswer
		}
		report, err := own.Integration.Check(ctx, r.link, false)
		if fault.CodeOf(err) == integration.CodeNotFound {
			return integration.Account{}, nil
		}
		r.look.IntegrationIs = report.Findings
		return report.Account, err
	})
	var sends []mailing.Mailing
	for _, state := range pending {
		some, err := own.Sends.List(ctx, r.link, state, maxSends)
		if err != nil {
			return err
		}
		sends = append(sends, some...)
	}
	r.look.Sends = Got(sends)
	rows, err := own.Calls.Calls(ctx, r.link.Pair, r.look.Now.Add(-week))
	if err != nil {
		return err
	}
	r.look.Calls = Got(callsOf(rows, r.look.Now))
	past, err := own.Rounds.Rounds(ctx, r.link.Pair, 0, pastRounds)
	if err != nil {
		return err
	}
	for _, one := range past {
		if one.Used > 0 {
			r.look.Past = append(r.look.Past, Use{one.At, one.Used})
		}
	}
	offer, err := own.Migrations.Offer(ctx, r.link)
	if err != nil {
		return err
	}
	r.look.Migration = Got(offer)
	if r.siblings, err = r.links.Siblings(ctx, r.link); err != nil {
		return err
	}
	r.look.MultiOrg = len(r.siblings) > 0
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
		c, err := oauth.ReadCertificate(text)
		if err != nil {
			return err
		}
		certificates = append(certificates, Certificate{d, c.NotAfter, text})
	}
	r.look.Certificate = Got(certificates)
	return nil
}

// maxSends is how many sends of each state that waits or runs are named.
const maxSends = 200

// readProduction looks which of the orgs that are connected to the same enterprise is no sandbox, where this one is.
func (r *reader) readProduction(ctx context.Context) {
	if sandbox, why := r.look.Sandbox.Get(); why != "" || !sandbox {
		return
	}
	for _, o := range r.siblings[:min(len(r.siblings), maxSiblings)] {
		err := r.links.CallOrg(ctx, o, func(org *crm.Session) error {
			rows, err := org.Query(ctx, sandboxQuery)
			if err == nil && len(rows) > 0 && !rows[0].Bool("IsSandbox") {
				r.look.SharedEID = o.Org.OrgID
			}
			return err
		})
		if err != nil {
			r.look.SharedUnread = "Whether org " + o.Org.OrgID + ", which is connected to the same enterprise, is production was not to be read: " + reason(err)
		}
		if r.look.SharedEID != "" {
			return
		}
	}
	if len(r.siblings) > maxSiblings {
		r.look.SharedUnread = "More orgs are connected to the same enterprise than are looked at in one go."
	}
}

// readNobody asks the org for those whom Engagement users name and who are none of the connection's people.
func (r *reader) readNobody(ctx context.Context, down error) {
	k := r.look
	people, why := k.People.Get()
	members, membersWhy := k.Members.Get()
	if why != "" || membersWhy != "" {
		lose(&k.Nobody, or(why, membersWhy))
		return
	}
	known := make(map[string]bool, len(people.ByID))
	for _, u := range people.ByID {
		known[fold(u.Username)] = true
	}
	var names []string
	for _, m := range members {
		if name := fold(m.SalesforceUsername); !known[name] && !slices.Contains(names, name) && len(names) < atOnce {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		k.Nobody = Got([]string{})
		return
	}
	ask := func(org *crm.Session) {
		fetch(&k.Nobody, func() ([]string, error) {
			rows, err := org.Query(ctx, "SELECT Username FROM User WHERE Username IN ("+literals(names)+")")
			return slices.DeleteFunc(names, func(name string) bool {
				return slices.ContainsFunc(rows, func(row crm.Record) bool { return fold(row.String("Username")) == name })
			}), err
		})
	}
	why = r.ownOrg(ctx, down, ask)
	if k.Nobody.read {
		return
	}
	if lent := r.lentOrg(ctx, ask); lent != "" {
		why = lent
	}
	lose(&k.Nobody, or(why, "The org was not asked."))
}

// maxSiblings bounds the other orgs of an enterprise that one look asks.
const maxSiblings = 5

const sandboxQuery = "SELECT Id, IsSandbox FROM Organization LIMIT 1"

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

// orgNotConnected is why the org was not looked at that was never connected, and, where it is a real one, what would let it be.
func orgNotConnected(l link.Link) string {
	const lend = "An administrator's access token in TWINSPAN_ORG_TOKEN lets `twinspan doctor --org-url URL` look"
	switch l.Standing {
	case link.BesidePackage:
		return "Connect has no app in the org to look by. " + lend + "; an app of your own lets Connect look by itself: `twinspan connect --standing beside-package --consumer-key KEY --system-user NAME --apply`."
	case link.OwnLink:
		return "The org is not connected: there is no system user to look as. " + lend + " until `twinspan connect --standing own-link --consumer-key KEY --system-user NAME --apply` has connected it."
	}
	return "The org is not connected: there is no system user to look as."
}

// tenantNotConnected is why the tenant was not looked at that was never connected, and, where it is a real one, what would let it be.
func tenantNotConnected(l link.Link) string {
	if l.Standing == link.BesidePackage || l.Standing == link.OwnLink {
		return "Connect has no installed package in Engagement to look by: `twinspan connect --package-client-id ID --web-client-id ID --apply` connects one of your own."
	}
	return "The tenant is not connected: there is no API user to look as."
}

// ownOrg gives fn a session of the system user.
func (r *reader) ownOrg(ctx context.Context, down error, fn func(*crm.Session)) (why string) {
	l := r.link
	switch {
	case down != nil:
		return reason(down)
	case l.Org.Username == "":
		return orgNotConnected(l)
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
		return tenantNotConnected(l)
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
	lent := c.Session(engagement.Token{AccessToken: r.eyes.TenantToken, RESTURL: r.eyes.TenantRESTURL, SOAPURL: r.eyes.TenantSOAPURL})
	if r.link.Tenant.State == link.SpanBroken && r.link.Tenant.Cause.Code == refusedClient {
		_, err := lent.Settings(ctx)
		remote := client.Remote(err)
		r.look.LentRefused = remote != nil && remote.Status == http.StatusUnauthorized
	}
	fn(lent)
	return ""
}
