package upgrade

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// The policies of the connected app as documents 001 and 003 want them, in Setup's words.
const (
	WantPermitted = "Admin approved users are pre-authorized"
	WantIP        = "Relax IP restrictions"
	WantRefresh   = "Immediately expire refresh token"
)

// relaxations are Setup's words for ConnectedApp.oauthPolicy.ipRelaxation (crm-wire 5.4), refreshes for refreshTokenPolicy.
var (
	relaxations = map[string]string{"": "Enforce IP restrictions", "ENFORCE": "Enforce IP restrictions", "BYPASS": WantIP, "ENFORCE_RELAXREFRESH": "Enforce IP restrictions, but relax for refresh tokens"}
	refreshes   = map[string]string{"": "Refresh token is valid until revoked", "infinite": "Refresh token is valid until revoked", "zero": WantRefresh}
)

// access is who may use the connected app.
type access struct {
	app      string   // id of the ConnectedApplication; "" where the org shows none
	sets     []string // ids of the permission sets that carry it
	names    []string // their labels
	approval string   // id of the permission set of Names.ApprovalSet; "" where it is not there
}

// readOrg reads the app, who may use it, and who else is signed in.
func (s *Planner) readOrg(ctx context.Context, p *Plan, l link.Link) error {
	if at := s.Links.SignInURL(ctx, l); at != l.CRMURL {
		p.signIn = at
	}
	err := s.Links.CallOrg(ctx, l, func(org *crm.Session) error {
		begun := s.Machine()
		if _, err := org.UserInfo(ctx); err != nil {
			return err
		}
		p.orgTrip = s.Machine().Sub(begun)
		if p.Kind == ConnectedApp {
			if err := p.readPolicies(ctx, org, l); err != nil {
				return err
			}
			if err := p.readAccess(ctx, org, l); err != nil {
				return err
			}
		}
		return p.readSessions(ctx, org, l)
	})
	return p.soften(err, "the org")
}

// soften turns a cloud's refusal to show something into a finding.
func (p *Plan) soften(err error, what string) error {
	if err == nil {
		return nil
	}
	said, text := told(err)
	if !said {
		return err
	}
	p.find(Warns, "not_readable", "%s does not show the user of the connection everything that a plan reads: %s", sentence(what), text)
	return nil
}

// told reports whether an error is a cloud's decision, or what is known of one, and its words.
func told(err error) (bool, string) {
	if r := client.Remote(err); r != nil && (fault.CodeOf(err) == client.CodeRefused || fault.CodeOf(err) == client.CodeNotFound) {
		return true, cmp.Or(plain(r.Description), r.Code)
	}
	if kind := fault.KindOf(err); kind == fault.Denied || kind == fault.Conflict {
		return true, fault.Of(err).Message
	}
	return false, ""
}

// plain is a refusal without the piece of the query that an org quotes before it (crm-wire 3: "\nSELECT Id\n^\nERROR at
// Row:1:Column:1\nsObject type 'X' is not supported.").
func plain(text string) string {
	if _, after, quoted := strings.Cut(text, "\nERROR at Row:"); quoted {
		if _, words, more := strings.Cut(after, "\n"); more && words != "" {
			return words
		}
	}
	return text
}

// unseen has what the upgrade itself needs to read stop it.
func (p *Plan) unseen(err error, l link.Link) error {
	said, text := told(err)
	if !said {
		return err
	}
	if !slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Level == Blocks && f.Code == string(CodeNotReadable) }) {
		p.find(Blocks, string(CodeNotReadable), "The system user %s does not see the set-up that the upgrade reads and has changed: %s He needs %s; until then the upgrade waits for the CRM admin.", l.Org.Username, strings.TrimSuffix(text, ".")+".", seesSetUp)
	}
	return nil
}

// findApp finds the connected app of the connection.
func findApp(ctx context.Context, org *crm.Session, l link.Link) (a crm.ConnectedApp, found bool, err error) {
	apps, err := org.ReadConnectedApps(ctx, l.Names().AppFullNames()...)
	if err != nil {
		return a, false, err
	}
	i := slices.IndexFunc(apps, func(a crm.ConnectedApp) bool { return a.ConsumerKey == l.ConsumerKey })
	if i < 0 {
		i = slices.IndexFunc(apps, func(a crm.ConnectedApp) bool { return a.ConsumerKey == "" }) // a real org hides the key of a packaged app
	}
	if i < 0 {
		return a, false, nil
	}
	return apps[i], true, nil
}

// readPolicies compares the app's policies with those of steps 16 to 18.
func (p *Plan) readPolicies(ctx context.Context, org *crm.Session, l link.Link) error {
	a, found, err := findApp(ctx, org, l)
	if err != nil {
		return p.unseen(err, l)
	}
	if !found {
		p.find(Blocks, "no_connected_app", "The org has no connected app %q with the connection's consumer key: install the managed package first.", l.Names().App)
		return nil
	}
	permitted := "All users may self-authorize"
	if a.AdminApproved {
		permitted = WantPermitted
	}
	// A policy that is as it should be already is told too: now and then are the same.
	p.Changes = append(p.Changes,
		Change{"policy", "Permitted Users", permitted, WantPermitted, "crm_admin"},
		Change{"policy", "IP Relaxation", cmp.Or(relaxations[a.IPRelaxation], a.IPRelaxation), WantIP, "crm_admin"},
		Change{"policy", "Refresh Token Policy", cmp.Or(refreshes[a.RefreshTokenPolicy], a.RefreshTokenPolicy), WantRefresh, "crm_admin"})
	return nil
}

// findAccess finds which permission sets carry the app, and the one that document 003 has made.
func findAccess(ctx context.Context, org *crm.Session, l link.Link) (access, error) {
	var a access
	apps, err := org.Query(ctx, "SELECT Id FROM ConnectedApplication WHERE Name = "+crm.Literal(l.Names().App)+" LIMIT 2")
	if err != nil {
		return a, err
	}
	if len(apps) == 1 {
		a.app = apps[0].String("Id")
		carried, err := org.Query(ctx, "SELECT ParentId, Parent.Label FROM SetupEntityAccess WHERE SetupEntityId = "+crm.Literal(a.app)+" LIMIT 200")
		if err != nil {
			return a, err
		}
		for _, r := range carried {
			a.sets = append(a.sets, r.String("ParentId"))
			a.names = append(a.names, r.Related("Parent").String("Label"))
		}
	}
	sets, err := org.Query(ctx, "SELECT Id FROM PermissionSet WHERE Label = "+crm.Literal(l.Names().ApprovalSet)+" LIMIT 1")
	if err == nil && len(sets) == 1 {
		a.approval = sets[0].String("Id")
	}
	return a, err
}

// readAccess reads which permission sets carry the app.
func (p *Plan) readAccess(ctx context.Context, org *crm.Session, l link.Link) error {
	var err error
	if p.access, err = findAccess(ctx, org, l); err != nil {
		return p.unseen(err, l)
	}
	made, attached := "not there", "carried by no permission set"
	if p.access.approval != "" {
		made = "there"
	}
	if len(p.access.names) > 0 {
		attached = "carried by " + strings.Join(p.access.names, ", ")
	}
	p.Changes = append(p.Changes,
		Change{"permission_set", l.Names().ApprovalSet, made, "there; it ties users to the app and can remain empty", "crm_admin"},
		Change{"attachment", l.Names().App, attached, "carried by " + l.Names().ApprovalSet, "crm_admin"})
	return nil
}

// readSessions lists the live sessions of others than the system user. It needs Manage Users (crm-wire 5.1: AuthSession).
func (p *Plan) readSessions(ctx context.Context, org *crm.Session, l link.Link) error {
	others := " FROM AuthSession WHERE UsersId != " + crm.Literal(l.Org.UserID)
	found, err := org.Query(ctx, "SELECT Users.Username, SessionType, CreatedDate, SourceIp"+others+" ORDER BY CreatedDate DESC LIMIT 2000")
	if err != nil {
		return p.soften(err, "the org")
	}
	p.Live = len(found)
	for _, r := range found[:min(len(found), maxTold)] {
		p.Sessions = append(p.Sessions, Session{r.Related("Users").String("Username"), r.String("SessionType"), r.Time("CreatedDate"), r.String("SourceIp")})
	}
	return nil
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
