package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// Read is something that a look was to read: its value, or why there is none. The zero Read was never asked for.
type Read[T any] struct {
	value T
	read  bool
	why   string
}

// Got is something that was read.
func Got[T any](v T) Read[T] { return Read[T]{value: v, read: true} }

// Lost is something that could not be read, and why.
func Lost[T any](why string) Read[T] { return Read[T]{why: why} }

// Get is the value, or why there is none.
func (r Read[T]) Get() (v T, why string) {
	switch {
	case r.read:
		return r.value, ""
	case r.why == "":
		return v, "it was not looked at"
	}
	return v, r.why
}

// Look is everything that the checks look at, read once.
type Look struct {
	Link link.Link // with the spans as they were found when their users were signed in anew
	Now  time.Time // domain time
	// MultiOrg: the enterprise has other orgs connected.
	MultiOrg bool
	// SharedEID names another connection's org to the same enterprise that is no sandbox; "" where there is none.
	SharedEID string
	// SharedUnread is why that is not known; "" where it is.
	SharedUnread string
	// MappingsCut: there are more mappings than were read.
	MappingsCut bool

	// OrgDown and TenantDown are why a span could not be tried, whatever its state says; "" where its user was let in or refused.
	OrgDown, TenantDown string

	// Callbacks are where the clouds are to send browsers back to.
	Callbacks Callbacks

	// The org.
	Package  Read[link.Package] // the version that is installed
	App      Read[App]
	AppOfOrg Read[crm.App] // the policies that no standard API tells
	Carriers Read[[]Carrier]
	Holders  Read[[]string] // ids of the users who hold refresh tokens of the app, or have authorized it, one for each time
	// SelfAuthorized are the active users who come through the app and whom no permission set and no profile approves, by user name,
	// where the app lets users authorize it themselves.
	SelfAuthorized Read[[]string]
	SystemUser     Read[OrgUser]
	// SystemProfile and SystemLicence are the system user's profile and its licence, where they are all that he is shown of himself;
	// "" elsewhere.
	SystemProfile, SystemLicence string
	SystemSets                   Read[[]string] // labels of the permission sets that the system user has
	// SetNames are the API names of the package's permission sets by label, those that the system user has not. Namesakes are
	// labels of the package's sets under which he has another set, which is not among SystemSets.
	SetNames    map[string]string
	Namesakes   []string
	People      Read[People]
	Logins      Read[[]LoginRow]   // of the system user, the newest first
	Sessions    Read[[]OrgSession] // of the system user, that live
	Day         Read[[]LoginRow]   // everybody's logins of the last day, the newest first
	DayCut      bool               // there were more logins in that day than were read
	Limits      Read[crm.Limits]
	Settings    Read[map[string]string] // by type and path: "OauthOidcSettings.blockOAuthUnPwFlow"
	LoginRules  Read[crm.LoginRules]    // of the system user's profile
	Sites       Read[[]Site]
	Senders     Read[[]Sender]
	OrgUnits    Read[[]OrgUnit]
	PackageConf Read[PackageConf]
	Sandbox     Read[bool]
	// Sets are document 001's four permission sets by label, those that are there; TokenSection the section of users' page
	// layout with the mapping's token, "" where it is hidden. A Glance alone reads them.
	Sets         Read[map[string]PermissionSet]
	TokenSection Read[string]
	// SystemName is who was named, or taken by a Glance, for the system user of a connection that has none; "" for nobody.
	SystemName string

	// APIName is who was named as the API user of a connection that has none; "" for nobody.
	APIName string

	// The tenant.
	APIUser Read[engagement.UserDetails]
	Units   Read[[]engagement.BusinessUnit]
	Members Read[[]Member] // Engagement users whose Salesforce.com Status is set
	// Unnamed are mapped Engagement users whose Salesforce.com Status names nobody, as many as findings are told of.
	Unnamed     Read[[]engagement.UserDetails]
	Nobody      Read[[]string] // user names, in lower case, that such a status has and no user of the org
	Grants      Read[map[string]engagement.Grant]
	Tenant      Read[map[string]any] // security settings
	Packages    Read[[]engagement.Package]
	Visits      Read[[]engagement.WebSession] // the API user's sessions in browsers
	Definitions Read[[]Definition]
	// LentRefused: Engagement refuses Connect as a client that it does not know, and the session that an administrator lent too.
	LentRefused bool

	// Connect.
	Mappings    Read[[]mapping.Mapping]
	Triggers    Read[[]trigger.Trigger]
	Integration Read[integration.Account] // the zero Account where there is none
	// IntegrationIs is what he is beside what document 004 asks for, where he signs in.
	IntegrationIs []integration.Finding
	Certificate   Read[[]Certificate]
	Migration     Read[migration.Offer]
	Sends         Read[[]mailing.Mailing] // that wait or run, the newest of each state
	Calls         Read[Calls]
	// Past is the use of the org's rolling limit as the last rounds saw it.
	Past []Use

	// Patient is the user whom the look is about; nil where it is about the connection.
	Patient *Patient

	// Front doors, which need no session.
	OrgDoor, TenantDoor Read[Door]

	orgCalls, tenantCalls int
}

// Callbacks are Connect's own addresses.
type Callbacks struct{ Org, Tenant string }

// App is the connected app.
type App struct {
	Exists bool
	ID     string // of ConnectedApplication
	// Namesakes: another app has the same label, and which of both ID is of is not known.
	Namesakes bool
	crm.ConnectedApp
}

// Carrier is a permission set or profile that carries the connected app.
type Carrier struct {
	SetID, Label string
	Profile      bool
}

// OrgUser is a user of the org as the checks want him.
type OrgUser struct {
	ID, Username, Name         string
	Active, Frozen, Locked     bool
	Profile, ProfileID         string
	Licence                    string
	Marketing, User, Admin     bool // Marketing User; Marketing Cloud for AppExchange User, Admin
	Token                      string
	Approved                   bool // by a permission set or profile that carries the app
	LastPasswordChange, Logged time.Time
}

// People are the users whom the connection is for: those with one of the package's boxes, and all who are mapped.
type People struct {
	ByID map[string]OrgUser
	// Gone are mapped users whom the org does not have any more, by id.
	Gone map[string]bool
	// Cut says that there were more than were read.
	Cut bool
}

// Site is a remote site.
type Site struct {
	Name, URL string
	Active    bool
}

// Sender is an address or domain that the org mails from, or a domain of an active DKIM key, whose Purpose is for what it signs
// ("DomainOnly", "SubdomainsOnly", "DomainAndSubdomains").
type Sender struct {
	Name, Purpose    string
	Domain, Verified bool
}

// OrgUnit is a business unit as the org has it.
type OrgUnit struct {
	MID                     int64
	Name                    string
	Enabled, Saved, Invalid bool // Invalid: what stands there is no MID
}

// PackageConf are settings of the managed package.
type PackageConf struct {
	Exists                bool
	Username              string
	Password              bool // one is stored
	Auth, REST, SOAP      string
	ParentMID             string
	SiteAdded, HasSetting bool
}

// Member is an Engagement user who is integrated.
type Member struct {
	engagement.AccountUser
	Locked, MustChange bool
	Roles              []string
}

// Definition is something in Engagement that sends when asked.
type Definition struct{ Key, Name, Status string }

// Door is what the front door of a cloud says to everybody.
type Door struct {
	Skew time.Duration // its clock less ours
	// Expires is when its TLS certificate ends; zero where it speaks plain HTTP.
	Expires time.Time
	Plain   bool // it speaks plain HTTP, and not on this machine
}

// Certificate is that of a span's key.
type Certificate struct {
	Direction link.Direction
	Expires   time.Time
	PEM       string
}

// release is the version of the managed package, as it was read or, where it could not be, as it was known last.
func (l *Look) release() link.Package {
	if p, why := l.Package.Get(); why == "" {
		return p
	}
	return l.Link.Package
}

// Calls are how many calls Connect made to both clouds.
type Calls struct{ Now, Usual int64 } // in this hour; in an hour of the last seven days

// orgIn reports whether the system user was let in by this very look, not by one before.
func (l *Look) orgIn() bool { return l.Link.Org.State == link.SpanUp && l.OrgDown == "" }

// tenantIn is orgIn for Engagement.
func (l *Look) tenantIn() bool { return l.Link.Tenant.State == link.SpanUp && l.TenantDown == "" }

// tried remembers which span could not be tried.
func (l *Look) tried(orgDown, tenantDown error) {
	if orgDown != nil {
		l.OrgDown = reason(orgDown)
	}
	if tenantDown != nil {
		l.TenantDown = reason(tenantDown)
	}
}

// clickClear is how a user's mapping is cleared by hand: by the field on his record where the release of the package keeps the token
// there, else by himself, for whom an edit of his record changes nothing (document 000; DESIGN 5.4).
func (l *Look) clickClear() string {
	if l.release().TokenInField() {
		return clearByField(l.Link.Names())
	}
	return clearByHimself
}

// clearByHimself is how a user clears his own mapping, at whatever release.
const clearByHimself = "as the user: Marketing Cloud tab > Reset my mapping, then sign in to Engagement there once"

// clearByField is how an administrator clears it on the user's record.
func clearByField(n link.Names) string {
	return "User record > Additional Information > " + n.TokenLabel + " > delete, then the user's next visit"
}

// systemUsername is the user name of the system user; "" where nobody knows it.
func (l *Look) systemUsername() string { return or(l.SystemName, l.Link.Org.Username) }

// systemID is the id of the system user; "" where nobody knows it.
func (l *Look) systemID() string {
	if u, why := l.SystemUser.Get(); why == "" && u.ID != "" || l.SystemName != "" {
		return u.ID
	}
	return l.Link.Org.UserID
}

// Use is how many calls of the org's rolling 24-hour limit were used at a time.
type Use struct {
	At   time.Time // domain time
	Used int64
}

// approvalSet is the permission set that approves users for the app, as commands name it: the one that was made for it, where
// that carries the app or nothing does. plain is false of another one, which may give more than the app: a person decides.
func (l *Look) approvalSet() (label string, plain bool) {
	carriers, _ := l.Carriers.Get()
	labels := []string{}
	for _, c := range carriers {
		if !c.Profile {
			labels = append(labels, c.Label)
		}
	}
	if usual := l.Link.Names().ApprovalSet; len(labels) == 0 || slices.Contains(labels, usual) {
		return usual, true
	}
	slices.Sort(labels)
	return labels[0], false
}

func count(n int, what string) string { return fmt.Sprintf("%d %s", n, what) }

func fold(s string) string { return strings.ToLower(s) }

// yes is a box for people.
func yes(b bool) string {
	if b {
		return "ticked"
	}
	return "not ticked"
}
