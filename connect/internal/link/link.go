// Package link holds the words and rules of the connection between one org and one tenant: its two spans of trust, who
// stands on each, in what state they are, and the keys and access tokens that they work with. It declares, in small
// roles, the store that it needs. Facts about the real service are cited as "connect-facts N", decisions as "DESIGN N".
//
// A span is one direction. The org span leads from Engagement into the org: Connect signs the system user in by a JWT
// bearer assertion for the connected app. The tenant span leads from the org into Engagement: Connect signs the API
// user, and every mapped user, in by an assertion for the installed package. Neither needs a password (document 002).
package link

import (
	"cmp"
	"strings"
	"time"
	"unicode"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns. Refusals by a cloud keep that cloud's own code beside them.
const (
	CodeNotFound fault.Code = "not_found"
	// CodeNotConnected: the span that the work needs is not up.
	CodeNotConnected fault.Code = "not_connected"
	// CodeWrongUser: the cloud signed in somebody else than was named.
	CodeWrongUser fault.Code = "wrong_user"
	// CodeWrongAccount: the cloud signed somebody in, but in another org, enterprise or business unit.
	CodeWrongAccount fault.Code = "wrong_account"
	// CodeUserRequired: the user name is missing or cannot be one.
	CodeUserRequired fault.Code = "user_required"
	// CodeCredentialCorrupt: a sealed key cannot be opened: another key file, or a changed database.
	CodeCredentialCorrupt fault.Code = "credential_corrupt"
	// CodeAddressChanged: credentials were given for another address of the cloud than it has now; they are sent to no other.
	CodeAddressChanged fault.Code = "address_changed"
	// CodeInvalidLink: public parameters of a pair that cannot be right.
	CodeInvalidLink fault.Code = "invalid_link"
)

// Direction names a span.
type Direction string

// The two spans.
const (
	IntoOrg    Direction = "org"        // from Engagement into the org
	IntoTenant Direction = "engagement" // from the org into Engagement
)

// Params are the public parameters of a pair: where its clouds are and as which clients Connect is known there.
type Params struct {
	Standing        Standing
	CRMURL          string // the org's sign-in host, no trailing slash; "" where Standing is Unset
	ConnectedApp    string // label: "Salesforce Marketing Cloud"
	ConsumerKey     string // of the connected app that holds Connect's org certificate
	ConsoleClientID string // of the org's app of API name Twinspan_Console, through which people sign in; "" where that is ConsumerKey's (Console)
	AuthURL         string // the tenant's authentication host, no trailing slash
	PackageClientID string // of the installed package that holds Connect's tenant certificate
	EID             int64  // enterprise id of the tenant; 0 where it is told by the first sign-in there
}

// Link is the connection of one pair.
type Link struct {
	Pair string
	Params
	Org         OrgSpan
	Tenant      TenantSpan
	Package     Package       // that the org was found to have last
	Outage      Outage        // booked or open; the zero value is none
	Legacy      LegacyPolicy  // what becomes of a new password connection into the org once its time is over
	TenantAuth  Driver        // by which the span into Engagement is to be connected next; "" is as it is, JWT where it is not
	Called      Names         // what is called otherwise in the org than the vendor ships it; Names fills in the rest
	ClockOffset time.Duration // domain time is machine time plus this
	// UpgradedAt is when the org span went from Password to JWT, domain time; zero where it did not. Users mapped before
	// are reconnected within a time that counts from it (document 003).
	UpgradedAt time.Time
	Revision   int64 // grows with every change; the store compares and swaps on it
}

// SpanState says how a span was found last.
type SpanState string

// The states of a span.
const (
	SpanDown   SpanState = "not_connected" // never connected, or disconnected
	SpanUp     SpanState = "connected"
	SpanBroken SpanState = "broken" // was connected; the cloud refused the last sign-in
)

// Cause is why a span is broken, in the refusing cloud's own words.
type Cause struct {
	Code string // "invalid_app_access"
	Text string
}

// OrgSpan is the span into the org and its system user.
type OrgSpan struct {
	State       SpanState
	Username    string // of the system user
	UserID      string // 18 characters
	OrgID       string // 18 characters
	ConnectedAt time.Time
	Cause       Cause     // where broken
	Driver      Driver    // JWT or Password; "" where never connected
	GivenAt     time.Time // when the credentials were given that the driver keeps; zero where it keeps none
}

// TenantSpan is the span into Engagement and its API user.
type TenantSpan struct {
	State       SpanState
	Username    string // of the Marketing Cloud Connect API user
	UserID      string // AccountUserID in decimal
	MID         int64  // business unit in which the API user works
	ConnectedAt time.Time
	Cause       Cause     // where broken
	Driver      Driver    // "" where never connected
	GivenAt     time.Time // as OrgSpan's
	// ClientID and UserClientID are of the customer's installed package where Driver is WebApp: through the first it works
	// as itself, through the second users sign in.
	ClientID, UserClientID string
	// UpgradedAt is when the span came from stored credentials to a key (document 002); zero where it never did, and where it
	// was connected anew by another way since.
	UpgradedAt time.Time
}

// State says how far the whole connection has come.
type State string

// The states of a connection.
const (
	NotConnected    State = "not_connected"
	OrgConnected    State = "org_connected"        // the org span alone is up
	TenantConnected State = "engagement_connected" // the tenant span alone is up
	Connected       State = "connected"
	Broken          State = "broken" // a span that was up is refused; its Cause says why
)

// Facts are what the audit chain keeps of a connection before and after a change.
type Facts struct {
	Standing    Standing `json:"standing"`
	CRMURL      string   `json:"crm_url"`
	ConsumerKey string   `json:"consumer_key"`
	// ConnectedApp is the app's label; ConsoleClientID is Link.Console.
	ConnectedApp    string `json:"connected_app,omitempty"`
	ConsoleClientID string `json:"console_client_id,omitempty"`

	AuthURL      string `json:"engagement_auth_url"`
	PackageID    string `json:"package_client_id"`
	EID          int64  `json:"eid"`
	SystemUser   string `json:"system_user,omitempty"`
	OrgID        string `json:"org_id,omitempty"`
	APIUser      string `json:"api_user,omitempty"`
	BusinessUnit int64  `json:"account_id,omitempty"`
	// OrgAuth and TenantAuth are the drivers; GivenAt is when stored credentials were given, in milliseconds since 1970.
	OrgAuth       Driver `json:"org_auth,omitempty"`
	TenantAuth    Driver `json:"engagement_auth,omitempty"`
	OrgGivenAt    int64  `json:"org_credentials_given_at,omitempty"`
	TenantGivenAt int64  `json:"engagement_credentials_given_at,omitempty"`
	// ClientID and UserClientID are the customer's package; TenantAuth is the driver of the next connection.
	ClientID     string `json:"engagement_client_id,omitempty"`
	UserClientID string `json:"engagement_web_client_id,omitempty"`
	NextAuth     Driver `json:"engagement_auth_next,omitempty"`
	// Names is Names.Text of what is called otherwise.
	Names string `json:"names,omitempty"`
	// Legacy is absent where it is the default.
	Legacy LegacyPolicy `json:"legacy,omitempty"`
}

// Console is the consumer key of the app through which people sign in: of an own app for that, else of the one that Connect works
// through.
func (l Link) Console() string { return cmp.Or(l.ConsoleClientID, l.ConsumerKey) }

// Facts gives them.
func (l Link) Facts() Facts {
	legacy := l.Legacy
	if legacy == RefuseLegacy {
		legacy = ""
	}
	return Facts{
		Standing: l.Standing, CRMURL: l.CRMURL, ConsumerKey: l.ConsumerKey, ConnectedApp: l.ConnectedApp, ConsoleClientID: l.Console(), AuthURL: l.AuthURL, PackageID: l.PackageClientID, EID: l.EID,
		SystemUser: l.Org.Username, OrgID: l.Org.OrgID, APIUser: l.Tenant.Username, BusinessUnit: l.Tenant.MID,
		OrgAuth: l.Org.Driver, TenantAuth: l.Tenant.Driver, OrgGivenAt: given(l.Org.GivenAt), TenantGivenAt: given(l.Tenant.GivenAt),
		ClientID: l.Tenant.ClientID, UserClientID: l.Tenant.UserClientID, NextAuth: l.TenantAuth, Names: l.Called.Text(),
		Legacy: legacy,
	}
}

func given(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// State tells the connection's state from its spans.
func (l Link) State() State {
	switch {
	case l.Org.State == SpanBroken || l.Tenant.State == SpanBroken:
		return Broken
	case l.Org.State == SpanUp && l.Tenant.State == SpanUp:
		return Connected
	case l.Org.State == SpanUp:
		return OrgConnected
	case l.Tenant.State == SpanUp:
		return TenantConnected
	}
	return NotConnected
}

// Ready refuses work on a connection whose spans are not both up. A broken span is tried again: what broke it may have
// been repaired, and the attempt says so.
func (l Link) Ready() error {
	switch {
	case l.Org.Username == "":
		return fault.New(fault.Conflict, CodeNotConnected, "Engagement is not connected to the org yet: connect the Salesforce system user first.")
	case l.Tenant.Username == "":
		return fault.New(fault.Conflict, CodeNotConnected, "The org is not connected to Engagement yet: connect the Marketing Cloud Connect API user first.")
	}
	return nil
}

// Revise returns the link with new parameters. A span whose client changes is down: its user must be connected anew.
// Addresses may change freely, because every sign-in checks that it reached the same org or enterprise.
func (l Link) Revise(p Params) Link {
	if p.ConsumerKey != l.ConsumerKey {
		l.Org, l.Package = OrgSpan{State: SpanDown}, Package{}
	}
	if p.PackageClientID != l.PackageClientID && l.Tenant.Driver != WebApp || p.EID != l.EID {
		l.Tenant = TenantSpan{State: SpanDown}
	}
	l.Params = p
	return l
}

// OrgUser is whom the org says it signed in.
type OrgUser struct {
	OrgID    string
	UserID   string
	Username string
	Name     string
	At       string // where the org's users sign in, as the org names it: "https://acme.my.salesforce.com"; "" for unknown
}

// TenantUser is whom the tenant says it signed in, and where.
type TenantUser struct {
	EID      int64
	MID      int64
	UserID   string
	Username string
	Name     string
}

// ConnectOrg puts the org span up for the system user named, if it was he who was signed in. An org that was connected
// before stays that org: another answers under the same address only after Disconnect.
//
// given is when the credentials of a driver that keeps some were given, zero for another.
func (l Link) ConnectOrg(named string, found OrgUser, by Driver, given, now time.Time) (Link, error) {
	if !SameUsername(named, found.Username) {
		return l, fault.New(fault.Denied, CodeWrongUser, "The org signed in %s where %s was named.", found.Username, named)
	}
	if l.Org.OrgID != "" && l.Org.OrgID != found.OrgID {
		return l, WrongOrg(OrgName(found.OrgID, found.At), l.Org.OrgID)
	}
	span := OrgSpan{State: SpanUp, Username: found.Username, UserID: found.UserID, OrgID: found.OrgID, ConnectedAt: l.Org.ConnectedAt, Driver: by, GivenAt: given}
	if span != l.Org { // connecting again what is connected changes nothing
		span.ConnectedAt = now
		switch {
		case by == Password:
			l.UpgradedAt = time.Time{}
		case l.Org.Driver == Password:
			l.UpgradedAt = now
		}
		l.Org = span
	}
	return l, nil
}

// OrgName names an org to people by its id and, where it is known, the address at which its users sign in.
func OrgName(id, at string) string {
	if at == "" {
		return id
	}
	return id + " (" + at + ")"
}

// WrongOrg is the refusal of a sign-in that ended in another org than the connection's; both are named as OrgName does.
func WrongOrg(found, own string) error {
	return fault.New(fault.Denied, CodeWrongAccount, "You signed in to org %s; this connection belongs to org %s. Log out there and sign in to your own org.", found, own)
}

// CheckSystemUser refuses whoever is not the system user named: a session that was live in the browser is not captured.
func CheckSystemUser(named, found string) error {
	if SameUsername(named, found) {
		return nil
	}
	return fault.New(fault.Denied, CodeWrongUser, "Salesforce has %s signed in where the system user %s was named. Log out of Salesforce and connect again.", found, named)
}

// CheckAPIUser refuses whoever is not the API user named, in this enterprise. Documents 001 and 003 warn that
// connecting takes over whatever session is live in the browser; so whoever else is found there is named and refused.
func (l Link) CheckAPIUser(named string, found TenantUser) error {
	if !SameUsername(named, found.Username) {
		return fault.New(fault.Denied, CodeWrongUser,
			"Engagement has %s signed in where the API user %s was named. Log out of all active Engagement sessions (closing the tab does not end one) and connect again.",
			found.Username, named)
	}
	if found.EID != l.EID {
		return WrongEnterprise(CodeWrongAccount, l, found)
	}
	return nil
}

// WrongEnterprise refuses, with the code given, somebody who belongs to another enterprise than the connection.
func WrongEnterprise(code fault.Code, l Link, found TenantUser) error {
	if l.EID == 0 {
		return fault.New(fault.Denied, code, "%s belongs to enterprise %d; this connection's is not known before Engagement is connected.", found.Username, found.EID)
	}
	return fault.New(fault.Denied, code, "%s belongs to enterprise %d; this connection belongs to enterprise %d.", found.Username, found.EID, l.EID)
}

// ConnectTenant puts the tenant span up for the API user named, if it was he who was signed in, in this enterprise and,
// where mid is not 0, in that business unit.
// by and given are as ConnectOrg's. By the driver WebApp whoever the package is is meant where nobody is named, and over
// is that package.
func (l Link) ConnectTenant(named string, mid int64, found TenantUser, by Driver, over PackageClient, given, now time.Time) (Link, error) {
	if l.EID == 0 { // nobody said which enterprise it is: the one whose package's secret was given
		l.EID = found.EID
	}
	if by == WebApp {
		if named != "" && !SameUsername(named, found.Username) {
			return l, fault.New(fault.Denied, CodeWrongUser, "The installed package works as %s where %s was named: leave the name out, or give the client id of the other package.", found.Username, named)
		}
		named = found.Username
	}
	if err := l.CheckAPIUser(named, found); err != nil {
		return l, err
	}
	if mid != 0 && found.MID != mid {
		return l, fault.New(fault.Denied, CodeWrongAccount, "%s was signed in to business unit %d where %d was named.", found.Username, found.MID, mid)
	}
	span := TenantSpan{State: SpanUp, Username: found.Username, UserID: found.UserID, MID: found.MID, ConnectedAt: l.Tenant.ConnectedAt, Driver: by, GivenAt: given}
	if by == WebApp {
		span.ClientID, span.UserClientID = over.ID, over.UserID
	}
	l.TenantAuth = ""
	switch {
	case by == JWT && l.Tenant.Driver == Password:
		span.UpgradedAt = now
	case by == JWT:
		span.UpgradedAt = l.Tenant.UpgradedAt
	}
	if span != l.Tenant {
		span.ConnectedAt = now
		l.Tenant = span
	}
	return l, nil
}

// Broke marks a span that was up as broken, with the cloud's words. It reports whether anything changed.
func (l Link) Broke(d Direction, c Cause) (Link, bool) {
	before := l
	switch d {
	case IntoOrg:
		// What was found copied stays so until its own org answers: another refusal says nothing of that.
		if l.Org.State != SpanDown && l.Org.Cause.Code != string(CodeCopied) {
			l.Org.State, l.Org.Cause = SpanBroken, c
		}
	case IntoTenant:
		if l.Tenant.State != SpanDown {
			l.Tenant.State, l.Tenant.Cause = SpanBroken, c
		}
	}
	return l, l != before
}

// Mended marks a broken span as up again after its user was signed in. It reports whether anything changed.
func (l Link) Mended(d Direction) (Link, bool) {
	switch {
	case d == IntoOrg && l.Org.State == SpanBroken:
		l.Org.State, l.Org.Cause = SpanUp, Cause{}
	case d == IntoTenant && l.Tenant.State == SpanBroken:
		l.Tenant.State, l.Tenant.Cause = SpanUp, Cause{}
	default:
		return l, false
	}
	return l, true
}

// SameUsername compares user names as both clouds do: without regard to case.
func SameUsername(a, b string) bool { return strings.EqualFold(a, b) }

// CheckUsername refuses what cannot be a user name of either cloud.
func CheckUsername(name string) error {
	if name == "" || len(name) > 255 || strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) != name {
		return fault.New(fault.Invalid, CodeUserRequired, "Give the user name, as it is written in the user's record.")
	}
	return nil
}
