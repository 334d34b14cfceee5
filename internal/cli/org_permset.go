package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgPermsetCmd is Setup > Manage Users > Permission Sets.
type orgPermsetCmd struct {
	List     orgPermsetListCmd     `cmd:"" help:"List the permission sets."`
	Show     orgPermsetShowCmd     `cmd:"" help:"Show one: who has it, which apps it carries, what it permits."`
	Update   orgPermsetUpdateCmd   `cmd:"" help:"Change a permission set's label, API name and system permissions."`
	Create   orgPermsetCreateCmd   `cmd:"" help:"Create a permission set; prints the API name that it got."`
	Assign   orgPermsetAssignCmd   `cmd:"" help:"Assign a permission set to users (Manage Assignments)."`
	Unassign orgPermsetUnassignCmd `cmd:"" help:"Take a permission set away from users."`
	Attach   orgPermsetAttachCmd   `cmd:"" help:"Let a permission set carry a connected app."`
	Detach   orgPermsetDetachCmd   `cmd:"" help:"Let a permission set carry a connected app no longer."`
	Delete   orgPermsetDeleteCmd   `cmd:"" help:"Delete a permission set that nobody has."`
}

type orgPermsetListCmd struct{ orgFlags }

// Run lists the sets that no profile owns.
func (c *orgPermsetListCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		sets, err := s.Query(ctx, "SELECT Id, Name, Label, NamespacePrefix FROM PermissionSet WHERE IsOwnedByProfile = false ORDER BY Label, NamespacePrefix")
		if err != nil {
			return err
		}
		assigned, err := s.Query(ctx, "SELECT PermissionSetId FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = false")
		if err != nil {
			return err
		}
		users := map[string]int{}
		for _, r := range assigned {
			users[r.String("PermissionSetId")]++
		}
		type row struct {
			Name  string `json:"name"`
			Label string `json:"label"`
			Users int    `json:"users"`
		}
		out := []row{}
		var rows [][]string
		for _, r := range sets {
			one := row{Name: fullName(r), Label: r.String("Label"), Users: users[r.String("Id")]}
			out, rows = append(out, one), append(rows, []string{one.Name, one.Label, fmt.Sprint(one.Users)})
		}
		if a.json {
			return a.printJSON(out)
		}
		return a.printTable([]string{"name", "label", "users"}, rows)
	})
}

func fullName(r crm.Record) string {
	if ns := r.String("NamespacePrefix"); ns != "" {
		return ns + "__" + r.String("Name")
	}
	return r.String("Name")
}

type orgPermsetCreateCmd struct {
	orgFlags
	Label       string   `arg:"" help:"Label, such as \"Marketing Cloud Connected App\"."`
	Name        string   `help:"API name; made from the label where absent." placeholder:"NAME" env:"-"`
	Permissions []string `help:"System permissions, such as ApiEnabled,ViewSetup." placeholder:"NAME" env:"-"`
}

// Run creates a set and reads back what API name the org made.
func (c *orgPermsetCreateCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		fields := map[string]any{"Label": c.Label}
		if c.Name != "" {
			fields["Name"] = c.Name
		}
		for _, p := range c.Permissions {
			fields["Permissions"+strings.TrimPrefix(p, "Permissions")] = true
		}
		id, err := s.CreateRecord(ctx, "PermissionSet", fields)
		if err != nil {
			return err
		}
		r, err := s.GetRecord(ctx, "PermissionSet", id, "Name", "Label")
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]string{"id": id, "name": r.String("Name"), "label": r.String("Label")})
		}
		return a.print(oneLine(r.String("Name")) + "\n")
	})
}

// permsetArg names a set and users.
type permsetArg struct {
	orgFlags
	Permset string   `arg:"" help:"API name or label of the permission set."`
	Users   []string `arg:"" help:"User names."`
}

type orgPermsetAssignCmd struct{ permsetArg }

// Run assigns the set; who has it keeps it.
func (c *orgPermsetAssignCmd) Run(ctx context.Context, a *app) error {
	changed := 0
	err := c.session(ctx, a, func(s *crm.Session) error {
		return c.each(ctx, s, func(set, user, have string) error {
			if have != "" {
				return nil
			}
			changed++
			_, err := s.CreateRecord(ctx, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": user})
			return err
		})
	})
	if err != nil {
		return err
	}
	return a.printDone(changed > 0, map[string]any{"assigned": changed, "unchanged": len(c.Users) - changed}, "%d assigned, %d had it already", changed, len(c.Users)-changed)
}

// losing is what commands have that may take access to an app away.
type losing struct {
	DryRun bool `help:"Only say who would lose access." env:"-"`
}

// telling makes the session say on standard error who loses access, and change nothing in a dry run.
func (l losing) telling(a *app, s *crm.Session) *crm.Session {
	s = s.Warned(func(text string) { a.errorf("warning: %s", oneLine(text)) })
	if l.DryRun {
		s = s.DryRun()
	}
	return s
}

// done says what became of it.
func (l losing) done(a *app, text string) error {
	if l.DryRun {
		text = "not saved (dry run)"
	}
	if a.json {
		return a.printJSON(map[string]any{"saved": !l.DryRun})
	}
	return a.print(text + "\n")
}

type orgPermsetUnassignCmd struct {
	permsetArg
	losing
}

// Run takes the set away.
func (c *orgPermsetUnassignCmd) Run(ctx context.Context, a *app) error {
	taken := 0
	err := c.session(ctx, a, func(s *crm.Session) error {
		s = c.telling(a, s)
		return c.each(ctx, s, func(_, _, have string) error {
			if have == "" {
				return nil
			}
			taken++
			return s.DeleteRecord(ctx, "PermissionSetAssignment", have)
		})
	})
	if err != nil {
		return err
	}
	if taken == 0 && !c.DryRun {
		return c.done(a, "nothing to do: nobody named has it")
	}
	return c.done(a, "saved")
}

// each calls do for each user with the assignment that he has, "" for none.
func (c *permsetArg) each(ctx context.Context, s *crm.Session, do func(set, user, have string) error) error {
	set, err := findSet(ctx, s, c.Permset)
	if err != nil {
		return err
	}
	for _, name := range c.Users {
		user, err := findOne(ctx, s, "SELECT Id FROM User WHERE Username = "+crm.Literal(name), "user", name)
		if err != nil {
			return err
		}
		rows, err := s.Query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = '"+set+"' AND AssigneeId = '"+user+"'")
		if err != nil {
			return err
		}
		have := ""
		if len(rows) > 0 {
			have = rows[0].String("Id")
		}
		if err := do(set, user, have); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

type orgPermsetAttachCmd struct {
	orgFlags
	Permset string `arg:"" help:"API name or label of the permission set."`
	App     string `arg:"" help:"API name or label of the connected app."`
}

// Run lets the set carry the app.
func (c *orgPermsetAttachCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error { return attach(ctx, a, s, c.App, c.Permset, "") })
}

type orgPermsetDetachCmd struct {
	orgPermsetAttachCmd
	losing
}

// Run lets the set carry the app no longer.
func (c *orgPermsetDetachCmd) Run(ctx context.Context, a *app) error {
	err := c.session(ctx, a, func(s *crm.Session) error { return detach(ctx, c.telling(a, s), c.App, c.Permset, "") })
	if err != nil {
		return err
	}
	return c.done(a, "saved")
}

type orgPermsetDeleteCmd struct {
	orgFlags
	losing
	Permset string `arg:"" help:"API name or label of the permission set."`
}

// Run deletes a set; the org refuses one that somebody has.
func (c *orgPermsetDeleteCmd) Run(ctx context.Context, a *app) error {
	err := c.session(ctx, a, func(s *crm.Session) error {
		set, err := findSet(ctx, s, c.Permset)
		if err != nil {
			return err
		}
		return c.telling(a, s).DeleteRecord(ctx, "PermissionSet", set)
	})
	if err != nil {
		return err
	}
	return c.done(a, "deleted")
}

// detach is attach undone; what is not attached stays so.
func detach(ctx context.Context, s *crm.Session, appName, permset, profile string) error {
	_, rows, err := carriage(ctx, s, appName, permset, profile)
	if err != nil || len(rows) == 0 {
		return err
	}
	return s.DeleteRecord(ctx, "SetupEntityAccess", rows[0].String("Id"))
}

// carriage finds the app, and the rows by which a permission set, or else a profile's own, carries it.
func carriage(ctx context.Context, s *crm.Session, appName, permset, profile string) (access, []crm.Record, error) {
	app, err := findApp(ctx, s, appName)
	if err != nil {
		return access{}, nil, err
	}
	out := access{app: app}
	if permset != "" {
		out.set, err = findSet(ctx, s, permset)
	} else {
		out.set, err = findOne(ctx, s, "SELECT Id FROM PermissionSet WHERE Profile.Name = "+crm.Literal(profile), "profile", profile)
	}
	if err != nil {
		return out, nil, err
	}
	rows, err := s.Query(ctx, "SELECT Id FROM SetupEntityAccess WHERE ParentId = '"+out.set+"' AND SetupEntityId = '"+app.ID+"'")
	return out, rows, err
}

// access is an app and the id of a set that may carry it.
type access struct {
	app crm.App
	set string
}

// attach lets a permission set, or else a profile, carry an app.
func attach(ctx context.Context, a *app, s *crm.Session, appName, permset, profile string) error {
	found, rows, err := carriage(ctx, s, appName, permset, profile)
	if err != nil {
		return err
	}
	app, text := found.app, "it carries "+found.app.FullName+" already"
	if len(rows) == 0 {
		text = "it carries " + app.FullName + " now"
		if _, err := s.CreateRecord(ctx, "SetupEntityAccess", map[string]any{"ParentId": found.set, "SetupEntityId": app.ID}); err != nil {
			return err
		}
	}
	if !app.AdminApproved {
		a.errorf("note: all users may self-authorize %s; the set decides once its permitted users are admin-approved", app.FullName)
	}
	return a.printDone(len(rows) == 0, map[string]any{"app": app.FullName}, "%s", text)
}

// findSet finds a permission set by full API name or by label.
func findSet(ctx context.Context, s *crm.Session, name string) (string, error) {
	where := "NamespacePrefix = null AND Name = " + crm.Literal(name)
	if ns, local, ok := strings.Cut(name, "__"); ok {
		where = "NamespacePrefix = " + crm.Literal(ns) + " AND Name = " + crm.Literal(local)
	}
	rows, err := s.Query(ctx, "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = false AND "+where)
	if err == nil && len(rows) == 1 {
		return rows[0].String("Id"), nil
	}
	if err != nil {
		return "", err
	}
	return findOne(ctx, s, "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = false AND Label = "+crm.Literal(name), "permission set", name)
}

func findOne(ctx context.Context, s *crm.Session, soql, kind, name string) (string, error) {
	rows, err := s.Query(ctx, soql)
	if err != nil {
		return "", err
	}
	switch len(rows) {
	case 0:
		return "", fmt.Errorf("the org has no %s %q", kind, name)
	case 1:
		return rows[0].String("Id"), nil
	}
	return "", errors.New("the org has several of the name " + name + "; give the API name")
}
