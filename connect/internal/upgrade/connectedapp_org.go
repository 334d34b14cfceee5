package upgrade

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// The CRM admin's steps: document 003, steps 12 to 35.
const (
	Policies      Name = "policies"
	PermissionSet Name = "permission_set"
	Assignments   Name = "assignments"
	Attach        Name = "attach"
)

// commandCRM is how the CRM admin does his steps by command.
const commandCRM = "twinspan upgrade start --as crm-admin"

// undoCRM is how he puts them back.
const undoCRM = "twinspan upgrade cancel --as crm-admin"

// asSystemUser reads the org as the system user. While the span is being upgraded it is read by the old credentials, which are
// kept: by key he may be shut out until he is approved, and each attempt would leave a row in his Login History.
func (c connectedApp) asSystemUser(ctx context.Context, w Work, fn func(*crm.Session) error) error {
	var before link.OrgSpan
	if known, err := w.Upgrade.Record(ConnectAccount).stood(&before); err == nil && known && before.Driver == link.Password && w.Link.Org.Driver != link.Password {
		if err := c.links.CallOrgKept(ctx, w.Link, before, fn); err == nil || passing(err) {
			return err
		}
	}
	return c.links.CallOrg(ctx, w.Link, fn)
}

// CodeNotReadable: the org does not show the system user what a step is about.
const CodeNotReadable fault.Code = "not_readable"

// seesSetUp is what lets a user read the app's policies and who carries it, in Setup's words (crm-wire 5.4).
const seesSetUp = "View Setup and Configuration and Modify Metadata Through Metadata API Functions"

// notReadable waits for the CRM admin, because the org refused the system user what is read before the first step.
func notReadable(l link.Link, text string) Reading {
	return Reading{
		For: CRMAdmin, Code: CodeNotReadable, Have: "what stands before the upgrade is not to be seen by the system user: " + text,
		Want:    "the system user " + l.Org.Username + " sees the set-up of the org that the upgrade changes, for the way back",
		Click:   "Setup > Users > " + l.Org.Username + " > Permission Set Assignments > Edit Assignments: one with " + seesSetUp,
		Command: commandCRM + withoutSight,
	}
}

// withoutSight is how the CRM admin goes on where Connect cannot look.
const withoutSight = " --anyway (takes his word for what the system user cannot see; the step has no way back then)"

// look reads something of the org; what the org does not show the system user is what was read, unless the CRM admin said that it is
// done all the same.
func (c connectedApp) look(ctx context.Context, w Work, f *Reading, fn func(*crm.Session) error) error {
	err := c.asSystemUser(ctx, w, fn)
	if said, text := told(err); err != nil && said {
		f.Done, f.Code, f.Have = false, CodeNotReadable, "not to be seen by the system user: "+text
		switch {
		case w.Upgrade.State == Cancelling:
		case w.Record.Anyway:
			f.Done, f.Have = true, "done, as "+w.Record.ToldBy+" says; "+f.Have
		default:
			f.Click, f.Command = f.Click+"; and for the system user: Setup > Users > "+w.Link.Org.Username+" > Permission Set Assignments: one with "+seesSetUp, commandCRM+withoutSight
		}
		return nil
	}
	return err
}

// policiesStood is the app's policies before, as the Metadata API writes them (crm-wire 5.4).
type policiesStood struct {
	FullName           string `json:"full_name"`
	AdminApproved      bool   `json:"admin_approved"`
	IPRelaxation       string `json:"ip_relaxation"`
	RefreshTokenPolicy string `json:"refresh_token_policy"`
}

// ipBypass and refreshZero are the policies of steps 17 and 18 in the Metadata API's words.
const (
	ipBypass    = "BYPASS"
	refreshZero = "zero"
)

func (p policiesStood) String() string {
	permitted := "All users may self-authorize"
	if p.AdminApproved {
		permitted = WantPermitted
	}
	return strings.Join([]string{permitted, cmp.Or(relaxations[p.IPRelaxation], p.IPRelaxation), cmp.Or(refreshes[p.RefreshTokenPolicy], p.RefreshTokenPolicy)}, "; ")
}

func (c connectedApp) readPolicies(ctx context.Context, l link.Link, org *crm.Session) (policiesStood, error) {
	a, found, err := findApp(ctx, org, l)
	if err == nil && !found {
		err = fault.New(fault.Conflict, CodeNothing, "The org has no connected app %q: install the managed package first.", l.Names().App)
	}
	return policiesStood{a.FullName, a.AdminApproved, a.IPRelaxation, a.RefreshTokenPolicy}, err
}

// policies are steps 12 to 19.
func (c connectedApp) policies() Step {
	return Step{
		Name: Policies, Owner: CRMAdmin, Title: "Policies of the connected app",
		Stood: func(ctx context.Context, w Work) (any, error) {
			var p policiesStood
			err := c.asSystemUser(ctx, w, func(org *crm.Session) (err error) {
				p, err = c.readPolicies(ctx, w.Link, org)
				return err
			})
			return p, err
		},
		Look: func(ctx context.Context, w Work) (Reading, error) {
			want := policiesStood{AdminApproved: true, IPRelaxation: ipBypass, RefreshTokenPolicy: refreshZero}
			f := Reading{
				Want: want.String(), Command: commandCRM,
				Click: "Setup > Connected Apps > " + w.Link.Names().App + " > Edit: Permitted Users, IP Relaxation, Refresh Token Policy > Save",
			}
			return f, c.look(ctx, w, &f, func(org *crm.Session) error {
				p, err := c.readPolicies(ctx, w.Link, org)
				want.FullName = p.FullName
				f.Have, f.Done = p.String(), p == want
				return err
			})
		},
		Undo: func(ctx context.Context, w Work) (Outcome, error) {
			var before policiesStood
			if known, err := w.Record.stood(&before); err != nil || !known {
				return Outcome{Reading: Reading{Done: true}}, err
			}
			out := Outcome{Reading: Reading{Want: before.String(), Command: undoCRM, Click: "Setup > Connected Apps > " + w.Link.Names().App + " > Edit: set the policies as they were > Save"}}
			return out, c.look(ctx, w, &out.Reading, func(org *crm.Session) error {
				p, err := c.readPolicies(ctx, w.Link, org)
				out.Have, out.Done = p.String(), p == before
				return err
			})
		},
	}
}

// accessStood is who carried the app before.
type accessStood struct {
	App      string   `json:"app"`                // id of the ConnectedApplication
	Carriers []string `json:"carriers"`           // ids of the permission sets that carry it
	Approval string   `json:"approval,omitempty"` // id of the permission set of Names.ApprovalSet; "" where it was not there
	// Since is when assignments begin to be the upgrade's, domain time: when this was read, to the second, as an org writes times.
	Since time.Time `json:"since"`
}

// sets are those that may let a user in: the one that document 003 has made, and those that carry the app.
func (a access) candidates() []string {
	all := slices.Clone(a.sets)
	if a.approval != "" && !slices.Contains(all, a.approval) {
		all = append(all, a.approval)
	}
	return all
}

func (c connectedApp) accessStood(ctx context.Context, w Work) (any, error) {
	var found access
	err := c.asSystemUser(ctx, w, func(org *crm.Session) (err error) {
		found, err = findAccess(ctx, org, w.Link)
		return err
	})
	return accessStood{App: found.app, Carriers: append([]string{}, found.sets...), Approval: found.approval, Since: w.Now.Truncate(time.Second)}, err
}

// permissionSet are steps 20 to 24. A set that carries the app already will do.
func (c connectedApp) permissionSet() Step {
	return Step{
		Name: PermissionSet, Owner: CRMAdmin, Title: "Permission set", Stood: c.accessStood,
		Look: func(ctx context.Context, w Work) (Reading, error) {
			f := Reading{
				Have: "none", Want: "a permission set for the app, such as " + w.Link.Names().ApprovalSet, Command: commandCRM,
				Click: "Setup > Permission Sets > New: Label " + w.Link.Names().ApprovalSet + " > Save",
			}
			return f, c.look(ctx, w, &f, func(org *crm.Session) error {
				found, err := findAccess(ctx, org, w.Link)
				switch {
				case err != nil:
				case found.approval != "":
					f.Done, f.Have = true, w.Link.Names().ApprovalSet
				case len(found.sets) > 0:
					f.Done, f.Have = true, strings.Join(found.names, ", ")
				}
				return err
			})
		},
		Undo: func(ctx context.Context, w Work) (Outcome, error) {
			before, out, err := c.undoing(w, "there as before", "Setup > Permission Sets > "+w.Link.Names().ApprovalSet+" > Delete")
			if err != nil || out.Done {
				return out, err
			}
			return out, c.look(ctx, w, &out.Reading, func(org *crm.Session) error {
				found, err := findAccess(ctx, org, w.Link)
				out.Done, out.Have = found.approval == before.Approval, w.Link.Names().ApprovalSet+" is there"
				if found.approval == "" {
					out.Have = "no " + w.Link.Names().ApprovalSet
				}
				if before.Approval == "" {
					out.Want = "no " + w.Link.Names().ApprovalSet
				}
				return err
			})
		},
	}
}

// undoing is how a step about access begins to be put back: done already where nothing is known of before.
func (c connectedApp) undoing(w Work, want, click string) (accessStood, Outcome, error) {
	var before accessStood
	known, err := w.Record.stood(&before)
	return before, Outcome{Reading: Reading{Done: !known, Want: want, Click: click, Command: undoCRM}}, err
}

// Bounds of a look at the assignments: how many users one query names, and how many are named to people who are missing.
const (
	assignedAtOnce = 200
	missingTold    = 10
)

// assignments are steps 25 to 30: "the users who need access to the Connected App, typically all users with access to
// Marketing Cloud Connect". The system user must be among them; whoever else is left out is told, and waits for approval
// until his migration fails.
func (c connectedApp) assignments() Step {
	return Step{
		Name: Assignments, Owner: CRMAdmin, Title: "Assignments", Stood: c.accessStood,
		Look: func(ctx context.Context, w Work) (Reading, error) {
			f := Reading{
				Want: "assigned to the system user and everybody who is mapped", Command: commandCRM,
				Click: "Setup > Permission Sets > " + w.Link.Names().ApprovalSet + " > Manage Assignments > Add Assignments: select the users > Assign > Done",
			}
			err := c.look(ctx, w, &f, func(org *crm.Session) error { return c.lookAssigned(ctx, w, org, &f) })
			return f, err
		},
		Undo: func(ctx context.Context, w Work) (Outcome, error) {
			before, out, err := c.undoing(w, "nobody assigned since the upgrade began", "Setup > Permission Sets > "+w.Link.Names().ApprovalSet+" > Manage Assignments: remove those that were added")
			if err != nil || out.Done {
				return out, err
			}
			return out, c.look(ctx, w, &out.Reading, func(org *crm.Session) error {
				found, err := findAccess(ctx, org, w.Link)
				if err != nil {
					return err
				}
				out.Done, out.Have = true, "nobody"
				sets := found.candidates()
				if len(sets) == 0 {
					return nil
				}
				added, err := org.Query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId IN ("+literals(sets)+") AND SystemModstamp >= "+before.Since.UTC().Format("2006-01-02T15:04:05.000Z")+" LIMIT 200")
				if err == nil && len(added) > 0 {
					out.Done, out.Have = false, count(len(added), len(added) == 200, "user is assigned since", "users are assigned since")
				}
				return err
			})
		},
	}
}

func (c connectedApp) lookAssigned(ctx context.Context, w Work, org *crm.Session, f *Reading) error {
	found, err := findAccess(ctx, org, w.Link)
	if err != nil {
		return err
	}
	sets := found.candidates()
	if len(sets) == 0 {
		f.Have = "no permission set"
		return nil
	}
	in := "PermissionSetId IN (" + literals(sets) + ")"
	system, err := org.Query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE "+in+" AND Assignee.Username = "+crm.Literal(w.Link.Org.Username)+" LIMIT 1")
	if err != nil {
		return err
	}
	if len(system) == 0 {
		f.Have = "not assigned to the system user " + w.Link.Org.Username
		return nil
	}
	if w.Record.Anyway {
		f.Done, f.Have = true, "assigned to the system user, and to whom "+w.Record.ToldBy+" chose"
		return nil
	}
	missing := []string(nil)
	for after := c.looked.from(w.Upgrade.ID); len(missing) < missingTold; {
		page, err := c.mapped.Known(ctx, w.Link.Pair, after, assignedAtOnce)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Mapping.CRMUsername
		lacking, err := lacking(ctx, org, in, page)
		if err != nil {
			return err
		}
		if missing = append(missing, lacking...); len(missing) == 0 {
			c.looked.at(w.Upgrade.ID, after)
		}
		if len(page) < assignedAtOnce {
			break
		}
	}
	if f.Done = len(missing) == 0; f.Done {
		f.Have = "assigned to the system user and everybody who is mapped"
		return nil
	}
	f.Have = "assigned to the system user, not to " + strings.Join(missing, ", ")
	f.Command += " (--leave-out goes on without those who are not assigned: they wait for approval, and fail in the end)"
	return nil
}

// lookedAt remembers up to whom an upgrade's users were all found assigned, in this process, so that every look at a million of
// them costs the org no more calls than those whom it has not seen yet. Who loses the set after that waits for approval.
type lookedAt struct {
	mu    sync.Mutex
	after map[string]string // user name by id of the upgrade
}

// from is the user name after which a look begins; "" is the first one.
func (l *lookedAt) from(upgradeID string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.after[upgradeID]
}

// at remembers that all up to a user name have it. Other upgrades are forgotten where there are many: they are looked at anew.
func (l *lookedAt) at(upgradeID, username string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.after[upgradeID]; !known && len(l.after) >= maxLookedAt {
		clear(l.after)
	}
	l.after[upgradeID] = username
}

// maxLookedAt bounds how many upgrades are remembered.
const maxLookedAt = 1000

// lacking are the active users of a page who have none of the sets.
func lacking(ctx context.Context, org *crm.Session, in string, page []mapping.Known) ([]string, error) {
	page = slices.DeleteFunc(page, func(k mapping.Known) bool { return !k.Clear.At.IsZero() })
	if len(page) == 0 {
		return nil, nil
	}
	ids := make([]string, len(page))
	for i, k := range page {
		ids[i] = k.Mapping.CRMUserID
	}
	users, err := org.Query(ctx, "SELECT Id, Username FROM User WHERE IsActive = TRUE AND Id IN ("+literals(ids)+")")
	if err != nil {
		return nil, err
	}
	assigned, err := org.Query(ctx, "SELECT AssigneeId FROM PermissionSetAssignment WHERE "+in+" AND AssigneeId IN ("+literals(ids)+")")
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, r := range assigned {
		has[r.String("AssigneeId")] = true
	}
	var out []string
	for _, u := range users {
		if !has[u.String("Id")] {
			out = append(out, u.String("Username"))
		}
	}
	return out, nil
}

// attach are steps 31 to 35.
func (c connectedApp) attach() Step {
	return Step{
		Name: Attach, Owner: CRMAdmin, Title: "Permission set on the connected app", Stood: c.accessStood,
		Look: func(ctx context.Context, w Work) (Reading, error) {
			f := Reading{
				Have: "carried by no permission set that the system user has", Want: "carried by a permission set that the system user has", Command: commandCRM,
				Click: "Setup > Connected Apps > " + w.Link.Names().App + " > Manage Permission Sets: select " + w.Link.Names().ApprovalSet + " > Save",
			}
			return f, c.look(ctx, w, &f, func(org *crm.Session) error {
				found, err := findAccess(ctx, org, w.Link)
				if err != nil || len(found.sets) == 0 {
					return err
				}
				system, err := org.Query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId IN ("+literals(found.sets)+") AND Assignee.Username = "+crm.Literal(w.Link.Org.Username)+" LIMIT 1")
				if err == nil && len(system) > 0 {
					f.Done, f.Have = true, "carried by "+strings.Join(found.names, ", ")
				}
				return err
			})
		},
		Undo: func(ctx context.Context, w Work) (Outcome, error) {
			before, out, err := c.undoing(w, "carried by those that did before", "Setup > Connected Apps > "+w.Link.Names().App+" > Manage Permission Sets: clear those that were added > Save")
			if err != nil || out.Done {
				return out, err
			}
			return out, c.look(ctx, w, &out.Reading, func(org *crm.Session) error {
				found, err := findAccess(ctx, org, w.Link)
				out.Done, out.Have = true, "as before"
				for i, set := range found.sets {
					if !slices.Contains(before.Carriers, set) {
						out.Done, out.Have = false, "carried by "+found.names[i]+", too"
					}
				}
				return err
			})
		},
	}
}

func literals(values []string) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = crm.Literal(v)
	}
	return strings.Join(all, ", ")
}

// refusedFor reports whether the org refused a sign-in by key because the user is not approved (DESIGN 5.3), and how he can be:
// by himself, or by an administrator.
func refusedFor(err error) (byHimself, byAdmin bool) {
	r := client.Remote(err)
	if r == nil {
		return false, false
	}
	return r.Code == "invalid_grant" && strings.Contains(r.Description, "hasn't approved"), r.Code == "invalid_app_access"
}
