package journey

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// CodeNotKept is the fault for a change that the org acknowledged and that reads back otherwise.
const CodeNotKept fault.Code = "change_not_kept"

// The three policies of documents 001 and 003 in the Metadata API's words.
const (
	ipRelaxation  = "BYPASS" // Relax IP restrictions
	refreshPolicy = "zero"   // Immediately expire refresh token
)

// OrgSetup is what the org's admin does (document 001, steps 1 to 32).
type OrgSetup struct {
	// LeaveOutAssignments skips steps 17 to 25: nobody gets the permission set.
	LeaveOutAssignments bool
}

// SetUpOrg sets the connected app's policies, creates the permission set, assigns it with the package's own to the
// system user and to the members, and attaches it to the app. Every change is read back. What stands already is left,
// so a set-up that broke off is completed by doing it again.
func (j *Journey) SetUpOrg(ctx context.Context, o OrgSetup) error {
	admin, err := j.signInAdmin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Logout(context.WithoutCancel(ctx)) }() // a session left behind expires by itself
	if err := setPolicies(ctx, admin); err != nil {
		return fmt.Errorf("the policies of %q: %w", PackageApp, err)
	}
	set, err := ensure(ctx, admin, "PermissionSet", map[string]any{"Label": ApprovalSet}, nil)
	if err != nil {
		return fmt.Errorf("the permission set %q: %w", ApprovalSet, err)
	}
	made, err := admin.GetRecord(ctx, "PermissionSet", set, "Name")
	if err != nil {
		return err
	}
	if made.String("Name") != ApprovalSetName { // S001-22: check the API name that the org generated
		return notKept("the permission set's API name is %q", made.String("Name"))
	}
	if !o.LeaveOutAssignments {
		if err := j.assign(ctx, admin, set); err != nil {
			return err
		}
	}
	app, err := one(ctx, admin, "ConnectedApplication", map[string]any{"Name": PackageApp})
	if err != nil {
		return err
	}
	if _, err := ensure(ctx, admin, "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": app}, nil); err != nil {
		return fmt.Errorf("attaching %q to %q: %w", ApprovalSet, PackageApp, err)
	}
	return nil
}

func (j *Journey) signInAdmin(ctx context.Context) (*crm.Session, error) {
	p := j.pair.OrgAdmin
	token, err := j.org.Login(ctx, p.Username, vault.Secret(p.Password.Reveal()+p.SecurityToken.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("signing in as %s: %w", p.Username, err)
	}
	return j.org.Session(token), nil
}

// setPolicies is document 001, steps 1 to 10, and reads back what the org kept.
func setPolicies(ctx context.Context, admin *crm.Session) error {
	app, err := readApp(ctx, admin)
	if err != nil {
		return err
	}
	if !policiesAsDocumented(app) {
		app.AdminApproved, app.IPRelaxation, app.RefreshTokenPolicy = true, ipRelaxation, refreshPolicy
		if err := admin.UpdateConnectedApp(ctx, app); err != nil {
			return err
		}
		if app, err = readApp(ctx, admin); err != nil {
			return err
		}
	}
	if !policiesAsDocumented(app) {
		return notKept("it reads back as admin approved %v, IP relaxation %s, refresh token policy %s", app.AdminApproved, app.IPRelaxation, app.RefreshTokenPolicy)
	}
	return nil
}

func policiesAsDocumented(a crm.ConnectedApp) bool {
	return a.AdminApproved && a.IPRelaxation == ipRelaxation && a.RefreshTokenPolicy == refreshPolicy
}

func readApp(ctx context.Context, s *crm.Session) (crm.ConnectedApp, error) {
	apps, err := s.ReadConnectedApps(ctx, PackageAppFullName)
	if err != nil {
		return crm.ConnectedApp{}, err
	}
	if len(apps) != 1 {
		return crm.ConnectedApp{}, fault.New(fault.NotFound, "no_package_app", "The org has no connected app %s: is the managed package installed?", PackageAppFullName)
	}
	return apps[0], nil
}

// assign is document 001, steps 17 to 25.
func (j *Journey) assign(ctx context.Context, admin *crm.Session, approval string) error {
	sets := []string{approval}
	for _, label := range PackageSets() {
		id, err := one(ctx, admin, "PermissionSet", map[string]any{"Label": label})
		if err != nil {
			return err
		}
		sets = append(sets, id)
	}
	for _, set := range sets {
		if err := assignTo(ctx, admin, set, j.pair.SystemUser.Username); err != nil {
			return err
		}
	}
	for _, m := range j.pair.Members { // S001-34: usually those who use Marketing Cloud Connect
		if err := assignTo(ctx, admin, approval, m.Org.Username); err != nil {
			return err
		}
	}
	return nil
}

func assignTo(ctx context.Context, admin *crm.Session, set, username string) error {
	user, err := one(ctx, admin, "User", map[string]any{"Username": username})
	if err != nil {
		return err
	}
	if _, err := ensure(ctx, admin, "PermissionSetAssignment", map[string]any{"AssigneeId": user, "PermissionSetId": set}, nil); err != nil {
		return fmt.Errorf("assigning the permission set to %s: %w", username, err)
	}
	return nil
}

// ensure finds the record whose fields have the values of key, or creates it with those and more, and reads it back.
func ensure(ctx context.Context, s *crm.Session, object string, key, more map[string]any) (string, error) {
	id, err := find(ctx, s, object, key)
	if err != nil || id != "" {
		return id, err
	}
	fields := map[string]any{}
	for k, v := range key {
		fields[k] = v
	}
	for k, v := range more {
		fields[k] = v
	}
	made, err := s.CreateRecord(ctx, object, fields)
	if err != nil {
		return "", err
	}
	if id, err = find(ctx, s, object, key); err != nil {
		return "", err
	}
	if id != made {
		return "", notKept("the new %s does not read back", object)
	}
	return id, nil
}

// one finds the record whose fields have the values; none is an error.
func one(ctx context.Context, s *crm.Session, object string, key map[string]any) (string, error) {
	id, err := find(ctx, s, object, key)
	if err == nil && id == "" {
		err = fault.New(fault.NotFound, "no_record", "The org has no %s with %s.", object, where(key))
	}
	return id, err
}

// find is one's id, "" where there is none.
func find(ctx context.Context, s *crm.Session, object string, key map[string]any) (string, error) {
	records, err := s.Query(ctx, "SELECT Id FROM "+object+" WHERE "+where(key)+" LIMIT 1")
	if err != nil || len(records) == 0 {
		return "", err
	}
	return records[0].String("Id"), nil
}

// where is a SOQL condition that all fields have their values.
func where(key map[string]any) string {
	var parts []string
	for field, value := range key {
		parts = append(parts, field+" = "+crm.Literal(fmt.Sprint(value)))
	}
	slices.Sort(parts)
	return strings.Join(parts, " AND ")
}

func notKept(format string, args ...any) error {
	return fault.New(fault.Conflict, CodeNotKept, "The org answered that it was done, but "+format+".", args...)
}
