package link

import (
	"cmp"
	"context"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
)

// Standing says whose clouds the connection stands between and who holds the key (DESIGN 2).
type Standing = standing.Standing

// The standings.
const (
	Unset         = standing.Unset
	Embedded      = standing.Embedded
	OwnLink       = standing.OwnLink
	BesidePackage = standing.BesidePackage
)

// CodeStandingFixed: whose clouds a connection stands between cannot be said anew.
const CodeStandingFixed fault.Code = "standing_fixed"

// CodeNoReader: beside the package, Connect was given no app of the customer's by which it reads the org.
const CodeNoReader fault.Code = "no_app_to_read_by"

// mayConnectOrg is nil where the standing has the driver for the span into the org.
func (l Link) mayConnectOrg(d Driver) error {
	if d == Password {
		return l.May(standing.PasswordIntoOrg)
	}
	if l.ConsumerKey == "" {
		return fault.New(fault.Conflict, CodeNoReader, "Beside the package Connect holds no key of the vendor's app. To read the org it needs an external client app of your own, with Connect's certificate: give its consumer key to `twinspan connect --standing beside-package --consumer-key`; or lend an administrator's session to `twinspan connect --plan` and `twinspan doctor`.")
	}
	return nil
}

// mayConnectTenant is nil where the standing has the driver for the span into Engagement.
func (l Link) mayConnectTenant(d Driver) error {
	switch d {
	case Password:
		return l.May(standing.PasswordIntoEngagement)
	case WebApp:
		return l.May(standing.PackageIntoEngagement)
	}
	return l.May(standing.KeyIntoEngagement)
}

// OwnApp is the label that an own link's app has where nobody says another.
const OwnApp = "Twinspan"

// May is nil where Connect does the operation in the link's standing; else a refusal that says why not, and what to do instead.
func (l Link) May(op standing.Operation) error { return l.Standing.May(op) }

// Ends is why work in the background that was possible before a change of the connection is to end with it: what it stands on was
// taken down, or the standing is another and does not have it. nil where it goes on.
func (l Link) Ends(before Link, op standing.Operation) error {
	up := func(l Link) bool { return l.Org.Username != "" || l.Tenant.Username != "" }
	switch {
	case l.Standing != before.Standing:
		return l.May(op)
	case up(before) && !up(l):
		return fault.New(fault.Conflict, CodeNotConnected, "The connection was disconnected.")
	}
	return nil
}

// Stand gives the link the standing and the addresses of p; what of them is "" stays as it is. Under an own link it needs the
// consumer key of the customer's app; beside the package one by which Connect may read the org can be given.
func (l Link) Stand(p Params) (Link, error) {
	down := l.Org.State == SpanDown && l.Tenant.State == SpanDown
	switch {
	case p.Standing != OwnLink && p.Standing != BesidePackage:
		return l, fault.New(fault.Invalid, CodeInvalidLink, "The standing is %s or %s.", OwnLink, BesidePackage).In("standing")
	case l.Standing == Embedded:
		return l, fault.New(fault.Conflict, CodeStandingFixed, "The org and the tenant of this connection are the program's own. Start one with --clouds none for real ones.").In("standing")
	case l.Standing != Unset && l.Standing != p.Standing && !down:
		return l, fault.New(fault.Conflict, CodeStandingFixed, "The connection stands %s. Disconnect it first.", l.Standing).In("standing")
	}
	if l.Standing != p.Standing { // what was another standing's says nothing of this one
		l.ConnectedApp, l.ConsumerKey, l.ConsoleClientID = "", "", ""
	}
	var err error
	if p.CRMURL, err = address(p.CRMURL, l.CRMURL, "org_url"); err != nil {
		return l, err
	}
	if p.AuthURL, err = address(p.AuthURL, l.AuthURL, "engagement_auth_url"); err != nil {
		return l, err
	}
	label := l.Names().App
	if p.Standing == OwnLink {
		label = OwnApp
	}
	p.ConnectedApp, p.ConsumerKey = cmp.Or(p.ConnectedApp, l.ConnectedApp, label), cmp.Or(p.ConsumerKey, l.ConsumerKey)
	if l.ConsoleClientID == l.ConsumerKey { // nobody named another app: it goes with the key
		l.ConsoleClientID = ""
	}
	p.ConsoleClientID, p.PackageClientID, p.EID = cmp.Or(p.ConsoleClientID, l.ConsoleClientID), "", cmp.Or(p.EID, l.EID)
	if p.ConsoleClientID == p.ConsumerKey {
		p.ConsoleClientID = ""
	}
	if err := (name{key: "connected_app"}).check(p.ConnectedApp); err != nil {
		return l, err
	}
	switch {
	case p.ConsumerKey == "" && p.Standing == OwnLink:
		return l, fault.New(fault.Invalid, CodeInvalidLink, "An own link needs the consumer key of an external client app that you register in the org, with Connect's certificate.").In("consumer_key")
	case len(p.ConsumerKey) > 500:
		return l, fault.New(fault.Invalid, CodeInvalidLink, "The consumer key is longer than any.").In("consumer_key")
	case len(p.ConsoleClientID) > 500:
		return l, fault.New(fault.Invalid, CodeInvalidLink, "The consumer key is longer than any.").In("console_client_id")
	}
	if p.EID < 0 {
		return l, fault.New(fault.Invalid, CodeInvalidLink, "The enterprise id is a number.").In("eid")
	}
	l = l.Revise(p)
	if l.Tenant.State == SpanDown && l.TenantAuth == "" { // no real tenant takes a key of ours
		l.TenantAuth = WebApp
	}
	return l, nil
}

// address is the base URL given, else the one there is.
func address(given, has, field string) (string, error) {
	if given == "" && has != "" {
		return has, nil
	}
	base, err := client.ParseBase(given)
	if err != nil {
		return "", fault.Of(err).In(field)
	}
	return base, nil
}

// Open makes the connection of a pair of which nobody has said yet where its clouds are; one that is there stays as it is, and
// takes the token whose SHA-256 tokenHash is.
func (s *Service) Open(ctx context.Context, pair string, tokenHash []byte) error {
	why := audit.Change{At: s.machine(), Actor: "system", Action: audit.ConnectionPut}
	return s.store.PutLink(ctx, pair, tokenHash, why, func(l Link) Link {
		if l.Standing == "" {
			l.Standing = Unset
		}
		return l
	})
}

// Stand is [Link.Stand], stored.
func (s *Service) Stand(ctx context.Context, pair string, p Params, actor string) (Link, error) {
	l, err := s.store.Link(ctx, pair)
	if err != nil {
		return Link{}, err
	}
	why := audit.Change{At: s.Now(l), Actor: actor, Action: audit.StandingSaid}
	return s.store.UpdateLink(ctx, pair, why, func(l Link) (Link, error) { return l.Stand(p) })
}
