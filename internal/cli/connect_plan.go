package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/standing"
)

// planStep is one thing that has to be so before the clouds are connected.
type planStep struct {
	Title string `json:"step"`
	Have  string `json:"have"` // what was found
	Want  string `json:"want"`
	Done  bool   `json:"done"`
	// Waits: what was asked is not there before a step above it is done. It is not tried meanwhile.
	Waits bool `json:"waits,omitempty"`
	// Unread: what no API shows was seen in part, by its effect, as Have says. It is claimed neither done nor left; Click is where
	// a person sees the rest.
	Unread bool `json:"unread,omitempty"`
	// Click is how a person does it, where no public API does; "" where --apply does it.
	Click string `json:"click,omitempty"`

	// look says how it stands; what it lacks for that and a step before it brings is errWaits, or a refusal.
	look func(ctx context.Context) (have string, err error)
	// done tells of what was found whether it is what is wanted; nil where it has to say so word by word.
	done func(have string) bool
	// unread tells of what was found whether the rest of it is to be seen by a person alone; nil where all of it is read.
	unread func(have string) bool
	// do does it; nil where a person has to. errClick where, on this org, a person has to after all.
	do func(ctx context.Context) error
	// after: it is not done while a step before it waits or is left, because it would shut people out.
	after bool
}

// What a step may say.
var (
	// errWaits: what is looked for comes with a step above.
	errWaits = errors.New("waits for a step above")
	// errClick: no public API of this org does it.
	errClick = errors.New("a person has to")
)

// unseen is what is found of something that shows by its effect alone, when it has had none yet. It is looked at again after
// the other steps, and holds none of them up: they are its effect.
const unseen = "not to be seen by API; Connect's sign-in will show it"

// plan looks at every step. With apply it does those that it can, one after the other, and reads each back. The order
// locks nobody out: users are approved for the app before the app asks for approval (documents 001 and 003 have it the
// other way round). A step that waits for another is told and passed. Exit code 3 where something is left.
func (c *connectUpCmd) plan(ctx context.Context, a *app, cl *connect.Client) error {
	head := "" // beside the package the ways in are the package's
	if c.stands != string(standing.BesidePackage) {
		var err error
		if head, err = c.ways(ctx, cl); err != nil {
			return err
		}
	}
	set, err := cl.Settings(ctx)
	if err != nil {
		return err
	}
	c.names = set.Names
	return c.orgSession(ctx, a, func(s *crm.Session) error {
		if err := c.whoIsThere(ctx, s); err != nil {
			return err
		}
		steps := c.steps(a, s, cl)
		held := false
		for i := range steps {
			st := &steps[i]
			if err := st.take(ctx, c.Apply && !(held && st.after)); err != nil { // what was done before it stays done, and is told
				return errors.Join(a.printPlan(head, steps[:i]), fmt.Errorf("%s: %w", st.Title, err))
			}
			held = held || st.left() && st.Have != unseen
		}
		for i := range steps { // what the steps below it may have shown since
			if st := &steps[i]; st.Have == unseen {
				if err := st.read(ctx); err != nil {
					return errors.Join(a.printPlan(head, steps), fmt.Errorf("%s: %w", st.Title, err))
				}
			}
		}
		if err := a.printPlan(head, steps); err != nil {
			return err
		}
		if slices.ContainsFunc(steps, planStep.left) {
			return errNo
		}
		return nil
	})
}

// whoIsThere refuses names that no user of the org has, before any step is done.
func (c *connectUpCmd) whoIsThere(ctx context.Context, s *crm.Session) error {
	if c.stands == string(standing.Embedded) || !c.Apply {
		return nil
	}
	for _, one := range []struct {
		flag  string
		names []string
	}{{"--system-user", []string{c.SystemUser}}, {"--admins", c.Admins}, {"--let-in", c.LetIn}} {
		for _, name := range one.names {
			id, err := found(ctx, s, "SELECT Id FROM User WHERE Username = "+crm.Literal(name))
			if err != nil {
				return err
			}
			if id == "" {
				return usagef("%s: the org has no user %s that the lent session sees; nothing was done", one.flag, oneLine(name))
			}
		}
	}
	return nil
}

// left reports whether something is known to be left of the step.
func (st planStep) left() bool { return !st.Done && !st.Unread }

// take looks at a step, and does it where that is asked and there is something to do.
func (st *planStep) take(ctx context.Context, apply bool) error {
	if err := st.read(ctx); err != nil || !apply || !st.left() || st.Waits || st.do == nil {
		return err
	}
	if err := st.do(ctx); errors.Is(err, errClick) {
		if why := client.Remote(err); why != nil {
			st.Click = strings.TrimPrefix(st.Click+"; by API it is refused: "+cmp.Or(why.Description, why.Code), "; ")
			if why.Code == codeNoSuchApp {
				st.Click = noSuchApp
			}
		}
	} else if err != nil {
		return err
	}
	if err := st.read(ctx); err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	return nil
}

// codeNoSuchApp is the org's answer where no app of its has the consumer key (crm-wire 1.6), and noSuchApp what to do.
const (
	codeNoSuchApp = "invalid_client_id"
	noSuchApp     = "the org answers \"client identifier invalid\": none of its apps has the consumer key that Connect was given. Take it from Setup > External Client App Manager > your app > Settings > Consumer Key, and give it with --consumer-key"
)

func (st *planStep) read(ctx context.Context) error {
	have, err := st.look(ctx)
	st.Have, st.Waits = have, false
	switch {
	case errors.Is(err, errWaits):
		st.Waits = true
	case fault.CodeOf(err) == client.CodeRefused, fault.CodeOf(err) == client.CodeNotFound: // fields and apps that come with the package
		st.Have, st.Waits = "not to be seen: "+fault.Of(err).Message, true
	case err != nil:
		return err
	}
	st.Unread = !st.Waits && st.unread != nil && st.unread(have)
	st.Done = !st.Waits && !st.Unread && (have == st.Want || st.done != nil && st.done(have))
	return nil
}

func (a *app) printPlan(head string, steps []planStep) error {
	if a.json {
		return a.printJSON(steps)
	}
	var b strings.Builder
	b.WriteString(head)
	for _, st := range steps {
		switch {
		case st.Done:
			fmt.Fprintf(&b, "done   %s: %s\n", st.Title, oneLine(st.Have))
			continue
		case st.Unread:
			fmt.Fprintf(&b, "unread %s: %s, want %s\n", st.Title, oneLine(st.Have), st.Want)
		default:
			fmt.Fprintf(&b, "to do  %s: %s, want %s\n", st.Title, oneLine(st.Have), st.Want)
		}
		if st.Click != "" {
			fmt.Fprintf(&b, "       %s\n", oneLine(st.Click))
		}
	}
	return a.print(b.String())
}

// found is one record's id, "" where there is none.
func found(ctx context.Context, s *crm.Session, soql string) (string, error) {
	rows, err := s.Query(ctx, soql)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].String("Id"), nil
}

// orgSteps are document 001's up to its step 32, the approvals before the policies.
func (c *connectUpCmd) orgSteps(s *crm.Session) []planStep {
	steps := []planStep{
		{
			Title: "managed package", Want: "installed", Click: "--apply installs the newest where the org lists versions; a real org lists none: the vendor's link, or twinspan package install 04t…",
			look: func(ctx context.Context) (string, error) {
				p, err := installedAs(ctx, s, c.names["namespace"])
				if err != nil || p == nil {
					return "none", err
				}
				return "installed", nil
			},
			do: func(ctx context.Context) error {
				versions, err := installable(ctx, s)
				if fault.CodeOf(err) == client.CodeRefused || err == nil && len(versions) == 0 { // a real org lists none
					return errClick
				}
				if err != nil {
					return err
				}
				return s.InstallPackage(ctx, versions[len(versions)-1].ID, crm.AdminsOnly)
			},
		},
		approvalSet(s, c.names),
	}
	for _, label := range []string{c.names["approval_set"], c.names["connector_set"], c.names["connector_admin_set"], c.names["system_user_set"]} {
		steps = append(steps, assignedTo(s, label, c.SystemUser))
	}
	return append(steps, c.boxes(s), attached(s, c.names), policies(s, c.names))
}

// approvalSet is the permission set that carries users to the app.
func approvalSet(s *crm.Session, n orgNames) planStep { return setThere(s, n["approval_set"]) }

// setThere is a permission set of the customer's own.
func setThere(s *crm.Session, label string) planStep {
	return planStep{
		Title: "permission set " + label, Want: "there",
		look: func(ctx context.Context) (string, error) {
			id, err := found(ctx, s, "SELECT Id FROM PermissionSet WHERE Label = "+crm.Literal(label))
			return map[bool]string{true: "there", false: "none"}[id != ""], err
		},
		do: func(ctx context.Context) error {
			_, err := s.CreateRecord(ctx, "PermissionSet", map[string]any{"Label": label})
			return err
		},
	}
}

// assignedTo is a permission set that a user has.
func assignedTo(s *crm.Session, label, username string) planStep {
	return planStep{
		Title: label + " for " + username, Want: "assigned",
		look: func(ctx context.Context) (string, error) {
			id, err := found(ctx, s, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Label = "+crm.Literal(label)+" AND Assignee.Username = "+crm.Literal(username))
			return map[bool]string{true: "assigned", false: "not assigned"}[id != ""], err
		},
		do: func(ctx context.Context) error {
			set, err := findSet(ctx, s, label)
			if err != nil {
				return err
			}
			user, err := findOne(ctx, s, "SELECT Id FROM User WHERE Username = "+crm.Literal(username), "user", username)
			if err != nil {
				return err
			}
			_, err = s.CreateRecord(ctx, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
			return err
		},
	}
}

// orgNames are what things are called in the org, by key, as the connection's settings have it.
type orgNames map[string]string

// api is the API name of something of the package's.
func (n orgNames) api(key string) string { return n["namespace"] + "__" + n[key] }

// lastWord is what tells a label from the one before it.
func lastWord(label string) string { return label[strings.LastIndexByte(label, ' ')+1:] }

// boxes are the package's two on the system user (connect-facts 1.4: both are required of him).
func (c *connectUpCmd) boxes(s *crm.Session) planStep {
	user, admin := c.names.api("user_box"), c.names.api("admin_box")
	where := "SELECT Id, " + user + ", " + admin + " FROM User WHERE Username = " + crm.Literal(c.SystemUser)
	return planStep{
		Title: c.names["user_box_label"] + " and " + lastWord(c.names["admin_box_label"]) + " on " + c.SystemUser, Want: "both ticked",
		look: func(ctx context.Context) (string, error) {
			rows, err := s.Query(ctx, where)
			switch {
			case fault.CodeOf(err) == client.CodeRefused:
				return "no such fields before the package is there", errWaits
			case err != nil || len(rows) != 1:
				return "no such user", err
			}
			return map[bool]string{true: "both ticked", false: "not both"}[rows[0].Bool(user) && rows[0].Bool(admin)], nil
		},
		do: func(ctx context.Context) error {
			id, err := findOne(ctx, s, where, "user", c.SystemUser)
			if err != nil {
				return err
			}
			return s.UpdateRecord(ctx, "User", id, map[string]any{user: true, admin: true})
		},
	}
}

func attached(s *crm.Session, n orgNames) planStep {
	ids := func(ctx context.Context) (set, app string, err error) {
		if set, err = found(ctx, s, "SELECT Id FROM PermissionSet WHERE Label = "+crm.Literal(n["approval_set"])); err == nil {
			app, err = found(ctx, s, "SELECT Id FROM ConnectedApplication WHERE Name = "+crm.Literal(n["connected_app"]))
		}
		return set, app, err
	}
	return planStep{
		Title: n["approval_set"] + " on the app " + n["connected_app"], Want: "attached",
		look: func(ctx context.Context) (string, error) {
			set, app, err := ids(ctx)
			switch {
			case err == nil && app == "":
				return "no such app before the package is there", errWaits
			case err != nil || set == "":
				return "not attached", err
			}
			id, err := found(ctx, s, "SELECT Id FROM SetupEntityAccess WHERE ParentId = "+crm.Literal(set)+" AND SetupEntityId = "+crm.Literal(app))
			return map[bool]string{true: "attached", false: "not attached"}[id != ""], err
		},
		do: func(ctx context.Context) error {
			set, app, err := ids(ctx)
			if err != nil {
				return err
			}
			_, err = s.CreateRecord(ctx, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": app})
			return err
		},
	}
}

func policies(s *crm.Session, n orgNames) planStep {
	read := func(ctx context.Context) (crm.ConnectedApp, error) {
		plain := strings.ReplaceAll(n["connected_app"], " ", "_")
		apps, err := s.ReadConnectedApps(ctx, n["namespace"]+"__"+plain, plain)
		if err == nil && len(apps) == 0 {
			err = errWaits
		}
		if err != nil {
			return crm.ConnectedApp{}, err
		}
		return apps[0], nil
	}
	say := func(app crm.ConnectedApp) string {
		return strings.Join([]string{permittedUsers(app.AdminApproved), app.IPRelaxation, app.RefreshTokenPolicy}, "; ")
	}
	return planStep{
		after: true, // who is not approved yet would be shut out
		Title: "policies of the app " + n["connected_app"], Want: say(crm.ConnectedApp{AdminApproved: true, IPRelaxation: "BYPASS", RefreshTokenPolicy: "zero"}),
		look: func(ctx context.Context) (string, error) {
			app, err := read(ctx)
			if err != nil {
				return "no such app before the package is there", err
			}
			return say(app), nil
		},
		do: func(ctx context.Context) error {
			app, err := read(ctx)
			if err != nil {
				return err
			}
			app.AdminApproved, app.IPRelaxation, app.RefreshTokenPolicy = true, "BYPASS", "zero"
			return s.UpdateConnectedApp(ctx, app)
		},
	}
}

// tenantSteps are what Engagement has to say of the API user (connect-facts 1.5), where a ready file says how to ask it.
func (c *connectUpCmd) tenantSteps() []planStep {
	if c.URL != "" || c.OrgURL != "" || c.TenantAuth == authWebApp { // a package has the user that it came with
		return nil
	}
	const want = "active; API User; Administrator, Marketing Cloud Administrator"
	return []planStep{{
		Title: "API user " + c.APIUser + " in Engagement", Want: want,
		Click: "Setup > Users > " + c.APIUser + ": tick API User; Manage Roles: Administrator and Marketing Cloud Administrator",
		look: func(ctx context.Context) (string, error) {
			tenant, err := c.tenant(ctx)
			if err != nil {
				return "", err
			}
			u, err := tenant.UserDetails(ctx, c.APIUser)
			if fault.CodeOf(err) == client.CodeNotFound {
				return "no such user", nil
			}
			if err != nil {
				return "", err
			}
			return apiUserAs(u), nil
		},
		do: func(ctx context.Context) error { return c.makeAPIUser(ctx) },
	}}
}

// makeAPIUser gives somebody who is there what makes him the API user: the switch and both roles. A password that he has
// to change, he alone changes.
func (c *connectUpCmd) makeAPIUser(ctx context.Context) error {
	tenant, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	u, err := tenant.UserDetails(ctx, c.APIUser)
	if fault.CodeOf(err) == client.CodeNotFound || err == nil && !u.Active {
		return errClick // he is made with a password and an address, and woken by whoever put him to rest
	}
	if err != nil {
		return err
	}
	roles, err := roleKeys(ctx, tenant, slices.DeleteFunc(slices.Clone(apiUserRoles), func(r string) bool { return slices.Contains(u.Roles, r) }))
	if err != nil {
		return err
	}
	on := true
	err = tenant.UpdateUser(ctx, engagement.UserWrite{Username: u.Username, APIUser: &on, Unlock: u.Locked})
	if err == nil && len(roles) > 0 {
		err = tenant.UpdateUser(ctx, engagement.UserWrite{Username: u.Username, AddRoles: roles})
	}
	if fault.CodeOf(err) == client.CodeRefused { // whoever asks may not make administrators
		return errors.Join(errClick, err)
	}
	return err
}

// apiUserRoles are what document 001 gives the API user.
var apiUserRoles = []string{"Administrator", "Marketing Cloud Administrator"}

// apiUserAs says what a user is and lacks as an API user. Other roles do not matter.
func apiUserAs(u engagement.UserDetails) string {
	parts := []string{map[bool]string{true: "active", false: "not active, locked, or with a temporary password"}[u.Active && !u.Locked && !u.MustChange]}
	parts = append(parts, map[bool]string{true: "API User", false: "no API User"}[u.APIUser])
	var roles []string
	for _, role := range apiUserRoles {
		if slices.Contains(u.Roles, role) {
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		roles = []string{"neither role"}
	}
	return strings.Join(append(parts, strings.Join(roles, ", ")), "; ")
}

// spanSteps are the connection itself, as Connect finds it: whoever else is connected is not who is wanted, and neither is
// he in another business unit.
func (c *connectUpCmd) spanSteps(a *app, cl *connect.Client) []planStep {
	look := func(span func(connect.Status) (connect.Span, string, int64)) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			s, err := cl.CheckStatus(ctx, oauth.NewToken(24)) // the steps before it may just have broken or mended it
			found, user, mid := span(s)
			return connectedAs(found.State, user, mid), err
		}
	}
	into := planStep{
		Title: "from Engagement into the org", Want: connectedAs(connect.StateConnected, c.SystemUser, 0), after: true,
		look: look(func(s connect.Status) (connect.Span, string, int64) { return s.Org, s.Org.SystemUser, 0 }),
		do: func(ctx context.Context) error {
			return cl.ConnectOrg(ctx, c.SystemUser, a.who(c.By), oauth.NewToken(24))
		},
	}
	into.done = func(have string) bool { return strings.EqualFold(have, into.Want) }
	back := planStep{
		Title: "from the org into Engagement", Want: connectedAs(connect.StateConnected, c.APIUser, c.MID),
		look: look(func(s connect.Status) (connect.Span, string, int64) {
			return s.Engagement, s.Engagement.APIUser, s.Engagement.AccountID
		}),
		Click: "log out of all active Engagement sessions (closing the tab does not end one); `twinspan connect` prints where the API user signs in once",
		do: func(ctx context.Context) error {
			answer, err := cl.ConnectEngagement(ctx, c.APIUser, c.MID, a.who(c.By), oauth.NewToken(24))
			if err == nil && !answer.Connected {
				return errClick // without his grant it stays as it is
			}
			return err
		},
	}
	back.done = func(have string) bool {
		if c.MID == 0 { // whichever is his own
			have, _, _ = strings.Cut(have, inUnit)
		}
		return strings.EqualFold(have, back.Want)
	}
	if c.TenantAuth == authWebApp {
		back = c.packageStep(a, cl)
	}
	return []planStep{into, back}
}

// packageStep is the span into Engagement by the customer's own package.
func (c *connectUpCmd) packageStep(a *app, cl *connect.Client) planStep {
	by := func(id string) string { return " by the package " + id }
	st := planStep{
		Title: "from the org into Engagement", Want: words(connect.StateConnected) + by(cmp.Or(c.PackageClientID, "of client id ID")),
		Click: "Setup > Apps > Installed Packages: New; Add Component > API Integration: one Server-to-Server, one Web App with the scope offline and the redirect URI " + cl.BaseURL() + "/oauth/engagement/callback; then `twinspan connect --engagement-auth web_app --package-client-id ID --web-client-id ID`",
		look: func(ctx context.Context) (string, error) {
			s, err := cl.CheckStatus(ctx, oauth.NewToken(24))
			have := words(s.Engagement.State)
			if s.Engagement.ClientID != "" {
				have += by(s.Engagement.ClientID)
			}
			return have, err
		},
		do: func(ctx context.Context) error {
			if c.stands != string(standing.Embedded) && c.PackageClientID == "" {
				return errClick // before the package is made there is nothing to connect by
			}
			_, err := c.byPackage(ctx, a, cl, a.who(c.By))
			return err
		},
	}
	st.done = func(have string) bool {
		return have == st.Want || c.PackageClientID == "" && strings.HasPrefix(have, words(connect.StateConnected)+by(""))
	}
	return st
}

const inUnit = " in business unit "

// connectedAs says how a span stands, and as whom.
func connectedAs(state, user string, mid int64) string {
	text := words(state)
	if user != "" {
		text += " as " + user
	}
	if user != "" && mid != 0 {
		text += inUnit + strconv.FormatInt(mid, 10)
	}
	return text
}
