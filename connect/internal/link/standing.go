package link

import (
	"cmp"
	"context"
	"strings"

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
const CodeStandingFixed = standing.CodeFixed

// CodeCloudAddress: no cloud may be at that address.
const CodeCloudAddress fault.Code = "cloud_address"

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

// real reports whether the clouds are somebody else's: real ones, as far as the program knows.
func (l Link) real() bool { return l.Standing == OwnLink || l.Standing == BesidePackage }

// TellsStatus reports whether the tenant tells Salesforce.com Status, which a real one does not.
func (l Link) TellsStatus() bool { return l.Standing != OwnLink }

// RolesBySet reports whether permission sets of the customer's say who may what in Connect (Names.ConsoleAdminSet), because the
// package's boxes are not there.
func (l Link) RolesBySet() bool { return l.Standing == OwnLink }

// RoleNames are what makes an administrator of the connection in the org, and what a user who maps himself.
func (l Link) RoleNames() (admin, user string) {
	n := l.Names()
	if l.RolesBySet() {
		return n.ConsoleAdminSet, n.ConsoleUserSet
	}
	return n.AdminBoxLabel, n.UserBoxLabel
}

// CodeNoSignInApp: Connect was told of no app of the customer's through which people sign in to its pages.
const CodeNoSignInApp fault.Code = "no_app_to_sign_in_by"

// MaySignIn is nil where people can sign in to Connect's pages by the org; else why not, and the way on.
func (l Link) MaySignIn() error {
	if l.Standing == Unset {
		return l.May(standing.ReadOrg)
	}
	if l.Console() == "" {
		return fault.New(fault.Conflict, CodeNoSignInApp, "People sign in to Connect through an external client app of your own in the org, with the callback URL of Connect's address, and Connect was told of none: "+
			"give its consumer key to `twinspan connect --standing beside-package --consumer-key KEY --apply`. Until then `twinspan tokens link` makes a one-time link.")
	}
	return nil
}

// MaySignInByTenant is [Link.MaySignIn] for Engagement.
func (l Link) MaySignInByTenant() error {
	if l.Standing == Unset {
		return l.May(standing.ReadOrg)
	}
	if l.UserClientID() == "" {
		return fault.New(fault.Conflict, CodeNoSignInApp, "People sign in to Connect by Engagement through an installed package of your own, and Connect was told of none: "+
			"`twinspan connect --package-client-id ID --web-client-id ID --apply` connects it. Until then `twinspan tokens link` makes a one-time link.")
	}
	return nil
}

// Typed is a command of twinspan as it is typed beside this link's clouds: those that work in the org name a real one's address. A
// command that needs the program's own tenant is "" there.
func (l Link) Typed(command string) string {
	switch {
	case !l.real():
	case strings.HasPrefix(command, "twinspan tenant "):
		return ""
	case strings.HasPrefix(command, "twinspan org "), strings.HasPrefix(command, "twinspan package "):
		return command + " --org-url " + l.CRMURL
	}
	return command
}

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

// mayLeadTo is nil where the org's address and the consumer key of next let the system user of a connected link in, and into the same
// org: a mistyped one would end a span that works, and another org's users are not the ones who are mapped.
func (s *Service) mayLeadTo(ctx context.Context, l, next Link) error {
	if l.Org.State == SpanDown || l.Org.OrgID == "" || l.Org.Driver.KeepsSecrets() || l.CRMURL == next.CRMURL && l.ConsumerKey == next.ConsumerKey {
		return nil
	}
	field := "consumer_key"
	if l.CRMURL != next.CRMURL {
		field = "org_url"
	}
	token, err := jwtOrg{s}.session(ctx, next, l.Org.Username)
	if err != nil {
		f := fault.Of(err)
		return fault.New(f.Kind, f.Code, "Nothing was changed, because %s would not be let in with it: %s", l.Org.Username, f.Message).In(field)
	}
	org, err := s.OrgClient(next)
	if err != nil {
		return err
	}
	id, err := org.Session(token).UserInfo(ctx)
	if err != nil {
		return err
	}
	if id.OrgID != l.Org.OrgID {
		return fault.New(fault.Conflict, CodeAddressChanged, "The connection belongs to org %s, and org %s answers there. Disconnect before you connect another org.", l.Org.OrgID, id.OrgID).In(field)
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
		return l, standing.Fixed().In("standing")
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
	if l.Tenant.State != SpanDown && l.Tenant.Driver.KeepsSecrets() && p.AuthURL != l.AuthURL {
		return l, boundTo("engagement_auth_url", l.AuthURL, p.AuthURL)
	}
	if l.Org.State != SpanDown && l.Org.Driver.KeepsSecrets() && p.CRMURL != l.CRMURL {
		return l, boundTo("org_url", l.CRMURL, p.CRMURL)
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

// boundTo refuses another address for a cloud whose credentials are stored: whoever answers there would be sent them.
func boundTo(field, has, wants string) error {
	return fault.New(fault.Conflict, CodeAddressChanged, "The credentials that are stored were given for %s, and go nowhere else. Disconnect, say %s, and give them again.", has, wants).In(field)
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
	if s.checkAddress != nil {
		for _, at := range []struct{ address, field string }{{p.CRMURL, "org_url"}, {p.AuthURL, "engagement_auth_url"}} {
			if at.address == "" { // it stays as it is, or Stand says that it is missing
				continue
			}
			if _, err := address(at.address, "", at.field); err != nil {
				return l, err
			}
			if err := s.checkAddress(at.address); err != nil {
				return l, fault.Of(err).In(at.field)
			}
		}
	}
	next, err := l.Stand(p)
	if err == nil {
		err = s.mayLeadTo(ctx, l, next)
	}
	if err != nil {
		return l, err
	}
	why := audit.Change{At: s.Now(l), Actor: actor, Action: audit.StandingSaid}
	return s.store.UpdateLink(ctx, pair, why, func(l Link) (Link, error) { return l.Stand(p) })
}
