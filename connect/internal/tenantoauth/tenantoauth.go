// Package tenantoauth is document 002's upgrade: from the API user's stored name and password to tenant-specific OAuth, for
// managed packages from 220 on. It says what has to be so before it (the document's bulleted steps), and verifies afterwards
// what the document has verified, by the kind of the Engagement account. The span itself is package link's.
package tenantoauth

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/units"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
)

// Owner says who has to do something.
type Owner string

// The owners.
const (
	EngagementAdmin Owner = "engagement_admin"
	CRMAdmin        Owner = "crm_admin"
	Connect         Owner = "connect"
)

// Names of the checks.
const (
	ScheduledSends = "scheduled_sends"
	APIUser        = "api_user"
	PackageVersion = "package"
	Setting        = "tenant_oauth_setting"
	Converted      = "api_user_converted"
	Forgotten      = "credentials_removed"
	Users          = "users_moved"
	BusinessUnits  = "business_units"
	TriggeredSend  = "triggered_send"
)

// Check is one thing that the document has done or looked at, as it is found to be.
type Check struct {
	Name    string
	Text    string // what the document says of it, in our words
	Got     string // what was found
	OK      bool
	Advice  bool       // the upgrade may go on without it
	Code    fault.Code // what is wrong with the API user; "" for nothing, and in checks of anything else, whose names say it
	Owner   Owner
	Click   string // where a person does it; "" for nothing to do
	Command string // how a command does it
}

// State is how an upgrade stands: what is asked before it, and what verifies it.
type State struct {
	AccountType string // the tenant's word for its edition: "enterprise" is Enterprise 2.0; "" where it does not tell
	Before      []Check
	After       []Check
	Units       []units.Unit // those that are or were active, of an Enterprise 2.0 account
	Users       link.TokenMoves
}

// Ready reports whether nothing that is needed before the upgrade is missing.
func (s State) Ready() bool { return !slices.ContainsFunc(s.Before, missing) }

// Done reports whether the upgrade is verified.
func (s State) Done() bool { return !slices.ContainsFunc(s.After, missing) }

func missing(c Check) bool { return !c.OK && !c.Advice }

// Mailings lists sends to audiences.
type Mailings interface {
	// Mailings lists a pair's, the newest first, those in state where it is not "".
	Mailings(ctx context.Context, pair string, state mailing.State, limit int) ([]mailing.Mailing, error)
}

// Sends finds triggered sends.
type Sends interface {
	// SendsSince lists sends to contacts and leads that were asked for at or after a time and have gone out or may do so now: the
	// newest of those that were sent first, then others, the newest first. What waits for the end of an outage is not among them, nor
	// what was refused.
	SendsSince(ctx context.Context, pair string, since time.Time, limit int) ([]send.Send, error)
}

// Service looks. It is safe for concurrent use.
type Service struct {
	links    *link.Service
	users    *apiuser.Service
	units    *units.Service
	mailings Mailings
	sends    Sends
	sender   *send.Service
}

// NewService wires the service.
func NewService(links *link.Service, users *apiuser.Service, u *units.Service, m Mailings, s Sends, sender *send.Service) *Service {
	return &Service{links: links, users: users, units: u, mailings: m, sends: s, sender: sender}
}

// Look asks both clouds how the upgrade stands, and changes nothing. What a cloud refuses is found; one that does not answer is
// an error.
func (s *Service) Look(ctx context.Context, l link.Link) (State, error) {
	if err := l.Ready(); err != nil {
		return State{}, err
	}
	l.Outage = link.Outage{} // the upgrade is what the outage is for
	var state State
	waiting, err := s.scheduled(ctx, l)
	if err != nil {
		return state, err
	}
	proof, accountType, err := s.users.Prove(ctx, l)
	if err != nil {
		return state, err
	}
	state.AccountType = accountType
	if l, err = s.links.Link(ctx, l.Pair); err != nil { // as that sign-in left it
		return state, err
	}
	l.Outage = link.Outage{}
	set, said, err := s.setting(ctx, l)
	if err != nil {
		return state, err
	}
	state.Before = []Check{waiting, signsIn(l, proof), packageOf(set), settingOf(l, set, said)}
	if state.Users, err = s.links.TokenMoves(ctx, l); err != nil {
		return state, err
	}
	kept, err := s.links.KeepsCredential(ctx, l)
	if err != nil {
		return state, err
	}
	state.After = []Check{converted(l, proof), forgotten(l, set, kept), moved(l, state.Users)}
	last, all, err := s.confirmed(ctx, l, accountType, len(proof) > 0 && proof[0].OK, nil)
	state.After, state.Units = append(state.After, last), all
	return state, err
}

// Scheduled is the check of sends that wait.
func (s *Service) Scheduled(ctx context.Context, l link.Link) (Check, error) {
	return s.scheduled(ctx, l)
}

// SignsIn signs the API user in anew and checks what he is. Where the span is by key already, it is whether he was converted.
func (s *Service) SignsIn(ctx context.Context, l link.Link) (Check, error) {
	proof, _, err := s.users.Prove(ctx, l)
	if err == nil && l.Tenant.Driver == link.JWT && (len(proof) == 0 || !proof[0].OK) {
		return converted(l, proof), nil
	}
	return signsIn(l, proof), err
}

// Org checks the org's package and setting; set is what was read.
func (s *Service) Org(ctx context.Context, l link.Link) (installed, setting Check, set link.OAuthSetting, err error) {
	set, said, err := s.setting(ctx, l)
	return packageOf(set), settingOf(l, set, said), set, err
}

// Confirmed is the last check, for a connection in whatever outage: in an Enterprise 2.0 account that the business units named
// and those that were saved are active, in another account a completed triggered send.
func (s *Service) Confirmed(ctx context.Context, l link.Link, active []int64) (Check, error) {
	l.Outage = link.Outage{}
	id, err := s.links.ProveTenant(ctx, l)
	if _, no := link.Refused(err); no {
		return s.SignsIn(ctx, l)
	}
	if err != nil {
		return Check{}, err
	}
	c, all, err := s.confirmed(ctx, l, id.AccountType, true, active)
	if err != nil || c.Name != BusinessUnits {
		return c, err
	}
	var states []string
	for _, u := range all {
		state := "active"
		if !u.Enabled || !u.Reached {
			state = "not active"
		}
		states = append(states, strconv.FormatInt(u.MID, 10)+" "+u.Name+": "+state)
	}
	for _, mid := range active {
		if !slices.ContainsFunc(all, func(u units.Unit) bool { return u.MID == mid }) {
			c.OK, states = false, append(states, strconv.FormatInt(mid, 10)+": gone")
		}
	}
	if len(states) > 0 {
		c.Got = strings.Join(states, "; ")
	}
	return c, nil
}

// Test sends a triggered send though the connection is in the upgrade's outage: it is what confirms the upgrade.
func (s *Service) Test(ctx context.Context, l link.Link, r send.Request) (send.Send, error) {
	l.Outage = link.Outage{}
	return s.sender.Trigger(ctx, l, r)
}

// maxListed is how many sends that wait are named.
const maxListed = 5

// scheduled is the document's first bullet: allow all scheduled sends to complete, if possible.
func (s *Service) scheduled(ctx context.Context, l link.Link) (Check, error) {
	c := Check{
		Name: ScheduledSends, Text: "all scheduled sends have completed, if possible", OK: true, Advice: true, Owner: EngagementAdmin, Got: "none waits",
		Command: "twinspan send list",
	}
	var named []string
	count := 0
	for _, state := range []mailing.State{mailing.Scheduled, mailing.Queued, mailing.Running} {
		found, err := s.mailings.Mailings(ctx, l.Pair, state, maxListed+1)
		if err != nil {
			return c, err
		}
		for _, m := range found {
			if count++; len(named) < maxListed {
				named = append(named, fmt.Sprintf("%s of %s (%s, due %s)", m.ID, m.DefinitionKey, m.State, m.DueAt.Format("2 January 2006, 15:04 MST")))
			}
		}
	}
	if count > 0 {
		c.OK, c.Got = false, strings.Join(named, "; ")
		if count > len(named) {
			c.Got += "; and more"
		}
	}
	return c, nil
}

// signsIn is the second: ensure that you can log in to Engagement using the current API user credentials.
func signsIn(l link.Link, proof []apiuser.Finding) Check {
	c := Check{
		Name: APIUser, Text: "the current API user credentials log in to Engagement", OK: true, Owner: EngagementAdmin,
		Got: l.Tenant.Username + " signs in, as " + l.TenantChoice().Driver.String(),
	}
	for _, f := range proof {
		if !f.OK {
			c.OK, c.Code, c.Got = false, f.Code, f.Name+": "+f.Got+" (should be "+f.Want+")"
			c.Click, c.Command = mends(l, f)
			break
		}
	}
	return c
}

// mends is how a finding about the API user is mended, by click and by command.
func mends(l link.Link, f apiuser.Finding) (click, command string) {
	name := l.Tenant.Username
	update := "twinspan tenant user update " + name
	users := "Engagement: Setup > Users > Users > " + name
	switch f.Code {
	case apiuser.CodeNoAPIUser:
		return users + " > API User", update + " --api-user"
	case apiuser.CodeNotFit:
		return users + ": he is active and not locked, and has chosen a password of his own", update + " --active --unlock"
	case apiuser.CodeRole:
		for role := range strings.SplitSeq(f.Want, ", ") {
			if !slices.Contains(strings.Split(f.Got, ", "), role) {
				update += " --role '" + role + "'"
			}
		}
		return users + " > Manage Roles", update
	case apiuser.CodeUnits:
		return "Engagement: Setup > Users > Business Units > Users", "twinspan business-units check"
	}
	return users + ": unlock or enable him; where his password has changed, twinspan connect renew --kind engagement", update + " --active --unlock"
}

// CodeNotConverted: the span is by key, and the API user does not sign in by it: "if the API user did not migrate, the tab
// prompts for the credentials".
const CodeNotConverted fault.Code = "api_user_not_converted"

// setting reads the org's setting; said is what the org refuses to show.
func (s *Service) setting(ctx context.Context, l link.Link) (set link.OAuthSetting, said string, err error) {
	set, err = s.links.OAuthSetting(ctx, l)
	if code := fault.CodeOf(err); code == client.CodeRefused || code == client.CodeNotFound {
		if cause, no := link.Refused(err); no {
			return set, cause.Text, nil
		}
		return set, fault.Of(err).Message, nil
	}
	return set, "", err
}

// packageOf is the fourth: install the managed package.
func packageOf(set link.OAuthSetting) Check {
	c := Check{
		Name: PackageVersion, Text: "the org has managed package " + link.TenantOAuthSince.String() + " or newer", OK: !set.Package.Before(link.TenantOAuthSince), Owner: CRMAdmin,
		Got: set.Package.String(), Click: "Salesforce: Setup > Apps > Packaging > Installed Packages", Command: "twinspan package upgrade " + link.TenantOAuthSince.String(),
	}
	if set.Package == (link.Package{}) {
		c.OK, c.Got = true, "none, and Connect's own key needs none"
	}
	return c
}

// settingOf is the fifth: enable tenant-specific OAuth Endpoints.
func settingOf(l link.Link, set link.OAuthSetting, said string) Check {
	c := Check{
		Name: Setting, Text: "tenant-specific OAuth Endpoints are enabled in the Marketing Cloud Configuration Settings", OK: true, Owner: CRMAdmin, Got: "enabled",
		Click: "Salesforce: Marketing Cloud > Configuration Settings > enable tenant-specific OAuth Endpoints", Command: "twinspan package settings --tenant-oauth on",
	}
	err := set.Check(l)
	switch {
	case said != "":
		c.OK, c.Got = false, "the org does not show it to "+l.Org.Username+": "+said
	case fault.CodeOf(err) == link.CodeOAuthPackage:
		c.OK, c.Got = false, "not there below package "+link.TenantOAuthSince.String()
	case fault.CodeOf(err) == link.CodeOAuthOff:
		c.OK, c.Got = false, "not enabled"
	case err != nil:
		c.OK, c.Got = false, fault.Of(err).Message
	case set.Package == link.Package{}:
		c.Got = "not there without the vendor's package, and not needed"
	}
	return c
}

// converted is the first thing that is verified: the API user credentials converted to the new authentication framework.
func converted(l link.Link, proof []apiuser.Finding) Check {
	c := Check{
		Name: Converted, Text: "the API user credentials converted to tenant-specific OAuth", Owner: EngagementAdmin,
		Click: "Salesforce: Marketing Cloud tab, which asks for the API user credentials where they did not", Command: "twinspan connect --engagement-auth jwt --sign-in",
	}
	switch {
	case l.Tenant.Driver != link.JWT:
		c.Got = l.Tenant.Username + " signs in by stored name and password"
	case len(proof) == 0 || !proof[0].OK:
		c.Code, c.Got = CodeNotConverted, l.Tenant.Username+" did not migrate"
		if len(proof) > 0 {
			c.Got += ": " + proof[0].Got
		}
	default:
		c.OK, c.Got = true, l.Tenant.Username+" signs in by key"
	}
	return c
}

// forgotten: no Engagement user's password is stored any more.
func forgotten(l link.Link, set link.OAuthSetting, kept bool) Check {
	c := Check{Name: Forgotten, Text: "no password of an Engagement user is stored", OK: true, Owner: Connect, Got: "none"}
	switch {
	case kept && l.Tenant.Driver == link.JWT: // on purpose; closing the upgrade ends it
		c.Advice, c.OK, c.Got = true, false, "Connect keeps the API user's, sealed, as the way back until the upgrade is closed"
	case kept:
		c.OK, c.Got = false, "Connect keeps the API user's, sealed"
	case set.Stored:
		c.OK, c.Owner, c.Got = false, CRMAdmin, "the org's Marketing Cloud configuration keeps one"
		c.Click, c.Command = "Salesforce: Marketing Cloud > Configuration Settings", "twinspan package settings --forget-password"
	}
	return c
}

// moved: users go on by the grants of their own sign-ins.
func moved(l link.Link, n link.TokenMoves) Check {
	c := Check{Name: Users, Text: "mapped users work by their grants, and were asked for nothing", OK: true, Owner: Connect, Got: "nothing is left to move"}
	switch {
	case l.Tenant.Driver != link.JWT:
		c.OK, c.Got = false, fmt.Sprintf("%d have a token of their own sign-in", n.Waiting+n.Moved+n.Refused)
	case n.Waiting > 0:
		c.OK, c.Got = false, fmt.Sprintf("%d moved, %d wait", n.Moved, n.Waiting)
	case n.Refused > 0:
		c.OK, c.Advice, c.Owner = false, true, EngagementAdmin
		c.Got = fmt.Sprintf("%d moved; %d have no grant in Engagement and sign in once more on the Marketing Cloud tab", n.Moved, n.Refused)
		c.Command = "twinspan users list --state broken"
	case n.Moved > 0:
		c.Got = fmt.Sprintf("%d moved", n.Moved)
	}
	return c
}

// maxTests is how many sends are looked at for a completed one.
const maxTests = 10

// tested looks for a triggered send since the upgrade that has completed.
func (s *Service) tested(ctx context.Context, l link.Link, c *Check) error {
	asked, err := s.sends.SendsSince(ctx, l.Pair, l.Tenant.UpgradedAt, maxTests)
	if err != nil {
		return err
	}
	for i, one := range asked {
		if !one.Status.Final() {
			if one, err = s.sender.Status(ctx, l, one.MessageKey); err != nil && one.MessageKey == "" {
				return err
			}
		}
		if said := one.DefinitionKey + " to " + one.Recipient + ": " + strings.ReplaceAll(string(one.Status), "_", " "); i == 0 || one.Status == send.Sent {
			c.Got, c.OK = said, one.Status == send.Sent
		}
		if c.OK {
			break
		}
	}
	return nil
}

// confirmed is what confirms it last: in an Enterprise 2.0 account that previously active business units are active, in
// another account a completed triggered send. active are units that were known to be active before, whatever the org says now.
func (s *Service) confirmed(ctx context.Context, l link.Link, accountType string, signsIn bool, active []int64) (Check, []units.Unit, error) {
	if accountType != apiuser.Enterprise2 && accountType != "" {
		c := Check{
			Name: TriggeredSend, Text: "a triggered send test completed after the upgrade", Owner: EngagementAdmin, Got: "none since",
			Click: "Salesforce: a contact's or lead's triggered send", Command: "twinspan send triggered --contact ID --definition KEY",
		}
		if l.Tenant.UpgradedAt.IsZero() {
			return c, nil, nil
		}
		err := s.tested(ctx, l, &c)
		return c, nil, err
	}
	c := Check{
		Name: BusinessUnits, Text: "previously active business units are active", OK: true, Owner: CRMAdmin, Got: "none was active",
		Click: "Salesforce: Marketing Cloud > Manage Business Units", Command: "twinspan business-units add MID",
	}
	if !signsIn {
		c.OK, c.Got = false, "cannot be read while the API user does not sign in"
		return c, nil, nil
	}
	all, err := s.units.List(ctx, l)
	if err != nil {
		return c, nil, err
	}
	all = slices.DeleteFunc(all, func(u units.Unit) bool { return !u.Saved && !u.Enabled && !slices.Contains(active, u.MID) })
	var gone []string
	for _, u := range all {
		if !u.Enabled || !u.Reached {
			gone = append(gone, strconv.FormatInt(u.MID, 10)+" "+u.Name+": "+cmp.Or(u.Problem(), "was removed since"))
		}
	}
	if len(all) > 0 {
		c.Got = fmt.Sprintf("%d active", len(all))
	}
	if len(gone) > 0 {
		c.OK, c.Got = false, strings.Join(gone, "; ")
	}
	return c, all, nil
}
