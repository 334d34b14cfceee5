package upgrade

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/internal/fault"
)

// The steps of an upgrade to tenant-specific OAuth (document 002) beside those that every upgrade has.
const (
	ScheduledSends    Name = "scheduled_sends"
	APIUser           Name = "api_user"
	InstallPackage    Name = "package"
	EnableEndpoints   Name = "tenant_oauth_setting"
	ConnectEngagement Name = "connect_marketing_cloud"
	MoveUsers         Name = "move_users"
)

// tenantOAuth are the steps of kind TenantOAuth. Everything that can be done before the outage is: the document's aim is
// little downtime.
type tenantOAuth struct {
	links  *link.Service
	checks *tenantoauth.Service
}

// NewTenantOAuth is the course of an upgrade to tenant-specific OAuth. Its steps have one order.
func NewTenantOAuth(links *link.Service, checks *tenantoauth.Service) Course {
	c := tenantOAuth{links, checks}
	steps := []Step{
		acknowledge(c.changes), c.scheduledSends(), c.apiUser(), c.installPackage(), c.enableEndpoints(), openOutage(), c.connectEngagement(), c.moveUsers(), c.verify(), c.closeDown(),
	}
	return Course{
		Span: link.IntoTenant,
		Ready: func(l link.Link) error {
			switch {
			case l.Org.Username == "" || l.Tenant.Username == "":
				return l.Ready()
			case l.Tenant.Driver != link.Password:
				return fault.New(fault.Conflict, CodeNothing, "There is nothing to upgrade: Connect keeps no password of the API user.")
			}
			return nil
		},
		Steps: map[Order][]Step{Safe: steps, Documented: steps},
		// What users' tokens were kept for as the way back is gone with the closing.
		Watch: func(ctx context.Context, w Work) (Outcome, error) {
			_, more, err := links.MoveUsers(ctx, w.Link)
			return Outcome{Reading: Reading{Done: !more}}, err
		},
	}
}

func (c tenantOAuth) changes(l link.Link) string {
	return "Connect signs in to Engagement as " + l.Tenant.Username + " by its own key instead of his stored name and password, and every mapped user by the grant that his own sign-in made."
}

// reading is a check as the engine reads it.
func reading(c tenantoauth.Check) Reading {
	return Reading{Done: c.OK, Code: c.Code, Have: c.Got, Want: c.Text, For: Owner(c.Owner), Click: c.Click, Command: c.Command}
}

// scheduledSends: "Allow all scheduled sends to complete before starting the upgrade, if possible."
func (c tenantOAuth) scheduledSends() Step {
	return Step{
		Name: ScheduledSends, Owner: EngagementAdmin, Title: "Let scheduled sends complete",
		Look: func(ctx context.Context, w Work) (Reading, error) {
			check, err := c.checks.Scheduled(ctx, w.Link)
			f := reading(check)
			if err == nil && !f.Done && w.Record.Anyway { // "if possible"
				f.Done, f.Have = true, "going on without waiting for "+f.Have
			}
			return f, err
		},
	}
}

// apiUser: "Ensure that you can log in to Engagement using the current API user credentials."
func (c tenantOAuth) apiUser() Step {
	return Step{
		Name: APIUser, Owner: EngagementAdmin, Title: "Log in with the current API user credentials",
		Look: func(ctx context.Context, w Work) (Reading, error) {
			check, err := c.checks.SignsIn(ctx, w.Link)
			return reading(check), err
		},
	}
}

// installPackage: "Install the managed package."
func (c tenantOAuth) installPackage() Step {
	return Step{
		Name: InstallPackage, Owner: CRMAdmin, Title: "Install the managed package",
		Stood: func(_ context.Context, w Work) (any, error) { return w.Link.Package.String(), nil },
		Look: func(ctx context.Context, w Work) (Reading, error) {
			check, _, _, err := c.checks.Org(ctx, w.Link)
			return reading(check), err
		},
		Undo: func(ctx context.Context, w Work) (Outcome, error) {
			var before string
			if _, err := w.Record.stood(&before); err != nil {
				return Outcome{}, err
			}
			_, _, set, err := c.checks.Org(ctx, w.Link)
			out := Outcome{Reading: Reading{Done: true, Have: set.Package.String(), Want: before}}
			if before != set.Package.String() {
				out.Found = []link.Finding{{Code: "package_stays", Text: fmt.Sprintf("The managed package stays at %s: an older version (%s) never follows a newer one. It works with stored credentials too.", set.Package, before)}}
			}
			return out, err
		},
	}
}

// enableEndpoints: "in the Marketing Cloud Configuration Settings, enable tenant-specific OAuth Endpoints."
func (c tenantOAuth) enableEndpoints() Step {
	return Step{
		Name: EnableEndpoints, Owner: CRMAdmin, Title: "Enable tenant-specific OAuth Endpoints",
		Stood: func(ctx context.Context, w Work) (any, error) {
			_, _, set, err := c.checks.Org(ctx, w.Link)
			return set.On, err
		},
		Look: func(ctx context.Context, w Work) (Reading, error) {
			_, check, _, err := c.checks.Org(ctx, w.Link)
			return reading(check), err
		},
		Undo: func(ctx context.Context, w Work) (Outcome, error) {
			var before bool
			if _, err := w.Record.stood(&before); err != nil {
				return Outcome{}, err
			}
			_, check, set, err := c.checks.Org(ctx, w.Link)
			out := Outcome{Reading: reading(check)}
			out.Done, out.Want, out.Command = before || !set.On, "not enabled, as before", undoCRM
			out.Click = "Salesforce: Marketing Cloud > Configuration Settings > clear tenant-specific OAuth Endpoints"
			return out, err
		},
	}
}

// connectEngagement: "Click Connect to Marketing Cloud. Enter the API user credentials. Click Log-in." He does it in a browser;
// that takes the span to the key, and Connect finds it there. One who did not migrate is asked again.
func (c tenantOAuth) connectEngagement() Step {
	return Step{
		Name: ConnectEngagement, Owner: EngagementAdmin, Title: "Connect to Marketing Cloud",
		Stood: func(_ context.Context, w Work) (any, error) { return w.Link.Tenant, nil },
		Look: func(ctx context.Context, w Work) (Reading, error) {
			f := Reading{
				Have: w.Link.Tenant.Username + " signs in by stored name and password", Want: w.Link.Tenant.Username + " signs in by key",
				Click: "Salesforce: Marketing Cloud tab > Log in as the API user", Command: "twinspan connect --engagement-auth jwt --sign-in",
			}
			if w.Link.Tenant.Driver != link.JWT {
				return f, nil
			}
			check, err := c.checks.SignsIn(ctx, w.Link)
			if check.OK {
				f.Done, f.Have = true, check.Got
				return f, err
			}
			return reading(check), err
		},
		Undo: func(ctx context.Context, w Work) (Outcome, error) {
			out := Outcome{Reading: Reading{Done: true, Have: "Connect signs in by " + link.Password.String()}}
			var before link.TenantSpan
			known, err := w.Record.stood(&before)
			if err != nil || !known || w.Link.Tenant.Driver == before.Driver {
				return out, err
			}
			if err := c.links.ResetTokens(ctx, w.Link); err != nil {
				return out, err
			}
			out.Effect = Effect{
				Link: func(l link.Link) (link.Link, error) {
					l.Tenant = before
					return l, nil
				},
				Why: audit.Change{At: w.Now, Actor: w.Upgrade.CancelledBy, Action: audit.TenantConnected, Reason: "upgrade cancelled"},
			}
			return out, nil
		},
	}
}

// moveUsers brings users' refresh tokens to grants, one by one, in whatever number.
func (c tenantOAuth) moveUsers() Step {
	return Step{
		Name: MoveUsers, Owner: Connect, Title: "Move users to their grants",
		Do: func(ctx context.Context, w Work) (Outcome, error) {
			for more := true; more; {
				var err error
				if _, more, err = c.links.MoveUsers(ctx, w.Link); err != nil {
					return Outcome{}, err
				}
			}
			n, err := c.links.TokenMoves(ctx, w.Link)
			out := Outcome{Reading: Reading{Done: n.Waiting == 0, Have: fmt.Sprintf("%d users moved, %d refused", n.Moved, n.Refused), Want: "all users"}}
			if n.Refused > 0 {
				out.Found = []link.Finding{{Code: "users_without_grant", Text: fmt.Sprintf("%d users have no grant in Engagement: they sign in once more on the Marketing Cloud tab (twinspan users list --state broken).", n.Refused)}}
			}
			return out, err
		},
		Undo: func(ctx context.Context, w Work) (Outcome, error) {
			return Outcome{Reading: Reading{Done: true, Have: "users work by their refresh tokens"}}, c.links.ResetTokens(ctx, w.Link)
		},
	}
}

// verify: "confirm that previously active business units are active"; "for non-Enterprise 2.0 accounts by completing a triggered
// send test".
func (c tenantOAuth) verify() Step {
	return Step{
		Name: Verify, Owner: CRMAdmin, Title: "Verify",
		Stood: func(ctx context.Context, w Work) (any, error) {
			active, err := c.links.EnabledUnits(ctx, w.Link, true)
			return append([]int64{}, active...), err
		},
		Look: func(ctx context.Context, w Work) (Reading, error) {
			var active []int64
			if _, err := w.Record.stood(&active); err != nil {
				return Reading{}, err
			}
			check, err := c.checks.Confirmed(ctx, w.Link, active)
			f := reading(check)
			if err == nil && !f.Done && check.Name == tenantoauth.BusinessUnits && w.Record.Anyway { // units are added "if needed"
				f.Done, f.Have = true, "going on without what is not as before: "+f.Have
			}
			return f, err
		},
	}
}

// closeDown ends the outage and forgets the API user's password: from here on there is no way back.
func (c tenantOAuth) closeDown() Step {
	return Step{
		Name: CloseDown, Owner: Connect, Title: "Close",
		Do: func(_ context.Context, w Work) (Outcome, error) {
			before, err := standsAgain(w)
			return Outcome{
				Reading: Reading{Done: true, Have: ended(w), Want: "the outage ended, and the API user's password gone"},
				Effect: Effect{
					Outage: &before, Why: audit.Change{At: w.Now, Actor: w.Upgrade.Actor},
				},
			}, err
		},
	}
}
