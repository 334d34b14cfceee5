package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// mcNamespace is the namespace of the managed package, Marketing Cloud Connect.
const mcNamespace = "et4ae5"

// orgPackageCmd is Setup > Installed Packages for the managed package that documents 000 to 003 live by.
type orgPackageCmd struct {
	Status   packageStatusCmd   `cmd:"" help:"Say which version of Marketing Cloud Connect the org has; exit code 3 where it has none."`
	Install  packageInstallCmd  `cmd:"" help:"Install Marketing Cloud Connect, for administrators only unless told otherwise."`
	Upgrade  packageUpgradeCmd  `cmd:"" help:"Upgrade it; an older version never follows a newer one."`
	Remove   packageRemoveCmd   `cmd:"" help:"Remove it, with all records and values that are kept in it."`
	Settings packageSettingsCmd `cmd:"" help:"Show or change its Marketing Cloud Configuration Settings: tenant-specific OAuth Endpoints (document 002)."`
}

// packageState is what the org has of the package.
type packageState struct {
	Installed      *crm.InstalledPackage `json:"installed"` // null where there is none
	App            string                `json:"app,omitempty"`
	PermissionSets []packageSet          `json:"permissionSets,omitempty"`
	Versions       []crm.PackageVersion  `json:"versions,omitempty"` // that can be installed; a real org lists none
}

// packageSet is a permission set of the package with how many users have it.
type packageSet struct {
	Label string `json:"label"`
	Users int    `json:"users"`
}

// installedPackage finds the vendor's package in the org; nil where it is not there.
func installedPackage(ctx context.Context, s *crm.Session) (*crm.InstalledPackage, error) {
	return installedAs(ctx, s, mcNamespace)
}

// installedAs finds the package of a namespace.
func installedAs(ctx context.Context, s *crm.Session, namespace string) (*crm.InstalledPackage, error) {
	all, err := s.InstalledPackages(ctx)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(p crm.InstalledPackage) bool { return strings.EqualFold(p.Namespace, namespace) }); i >= 0 {
		return &all[i], nil
	}
	return nil, nil
}

// installable lists the versions that the org offers, oldest first.
func installable(ctx context.Context, s *crm.Session) ([]crm.PackageVersion, error) {
	all, err := s.PackageVersions(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(v crm.PackageVersion) bool { return v.Deprecated }), nil
}

type packageStatusCmd struct{ orgFlags }

// Run prints what is installed.
func (c *packageStatusCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		state, err := readPackage(ctx, s)
		if err != nil {
			return err
		}
		if a.json {
			err = a.printJSON(state)
		} else {
			err = a.printTable([]string{"package", "value"}, state.rows())
		}
		if err == nil && state.Installed == nil {
			err = errNo
		}
		return err
	})
}

func readPackage(ctx context.Context, s *crm.Session) (packageState, error) {
	var state packageState
	var err error
	if state.Installed, err = installedPackage(ctx, s); err != nil {
		return state, err
	}
	if versions, err := installable(ctx, s); err == nil { // a real org refuses to list them, and what is installed is known all the same
		state.Versions = versions
	}
	if state.Installed == nil {
		return state, nil
	}
	apps, err := s.Query(ctx, "SELECT Name FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")
	if err != nil {
		return state, err
	}
	if len(apps) > 0 {
		state.App = apps[0].String("Name")
	}
	sets, err := s.Query(ctx, "SELECT Id, Label FROM PermissionSet WHERE NamespacePrefix = '"+mcNamespace+"' ORDER BY Label")
	if err != nil {
		return state, err
	}
	for _, set := range sets {
		users, err := s.Query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = '"+set.String("Id")+"'")
		if err != nil {
			return state, err
		}
		state.PermissionSets = append(state.PermissionSets, packageSet{set.String("Label"), len(users)})
	}
	return state, nil
}

func (p packageState) rows() [][]string {
	rows := [][]string{{"installed", "no"}}
	if p.Installed != nil {
		rows = [][]string{{"installed", p.Installed.Version.Name}, {"name", p.Installed.Name}, {"namespace", p.Installed.Namespace}, {"connected app", p.App}}
		for _, set := range p.PermissionSets {
			rows = append(rows, []string{"permission set", set.Label + ": " + strconv.Itoa(set.Users) + " users"})
		}
	}
	var names []string
	for _, v := range p.Versions {
		names = append(names, v.Name)
	}
	if len(names) > 0 {
		rows = append(rows, []string{"versions", strings.Join(names, ", ")})
	}
	return rows
}

// packageMove is what installing and upgrading have in common.
type packageMove struct {
	orgFlags
	Version  string        `arg:"" optional:"" help:"Version such as 220, or the id of one (04t…), which a real org needs; the newest where absent."`
	AllUsers bool          `help:"Install for All Users: every profile sees the package's objects. Otherwise for Admins Only." env:"-"`
	DryRun   bool          `help:"Only say what would happen." env:"-"`
	Wait     time.Duration `help:"How long to wait for an org that takes its time." default:"15m" env:"-"`
}

// packageResult is what a command has done, or would do.
type packageResult struct {
	Before string `json:"before"` // version; "" for none
	After  string `json:"after"`
	DryRun bool   `json:"dryRun"`
	Access string `json:"access,omitempty"` // "admins" or "all"
	// Goes is what a removal takes along, in words.
	Goes []string `json:"goes,omitempty"`
}

// checkWait refuses a wait that is over before the org can have answered.
func checkWait(d time.Duration) error {
	if d < time.Second {
		return usagef("--wait: %v is less than a second", d)
	}
	return nil
}

// move brings the org from what it has to the version that is wanted.
func (c *packageMove) move(ctx context.Context, a *app, check func(has *crm.InstalledPackage, want crm.PackageVersion) error) error {
	if err := checkWait(c.Wait); err != nil {
		return err
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		has, err := installedPackage(ctx, s)
		if err != nil {
			return err
		}
		want, err := c.wanted(ctx, s)
		if err != nil {
			return err
		}
		r := packageResult{DryRun: c.DryRun, After: want.Name, Access: "admins"}
		security := crm.AdminsOnly
		if c.AllUsers {
			r.Access, security = "all", crm.AllUsers
		}
		if has != nil {
			r.Before = has.Version.Name
		}
		if err := check(has, want); err != nil {
			return err
		}
		if !c.DryRun {
			wait, stop := context.WithTimeout(ctx, c.Wait)
			defer stop()
			if err := s.InstallPackage(wait, want.ID, security); err != nil {
				return err
			}
			if has, err = installedPackage(ctx, s); err != nil {
				return err
			}
			if has == nil {
				return fmt.Errorf("the org says that it has installed %s, and shows no package", want.Name)
			}
			r.After = has.Version.Name
		}
		return a.printMove(r)
	})
}

func (a *app) printMove(r packageResult) error {
	if a.json {
		return a.printJSON(r)
	}
	verb := "installed Marketing Cloud Connect " + oneLine(r.After)
	switch {
	case r.After == "":
		verb = "removed Marketing Cloud Connect " + oneLine(r.Before)
	case r.Before == r.After && r.Access == "all": // the version stays, and who sees its objects changes
		verb = "Marketing Cloud Connect " + oneLine(r.After) + " was installed already; its objects are open"
	case r.Before == r.After:
		verb = "Marketing Cloud Connect " + oneLine(r.After) + " is installed already; who sees its objects stays as it is"
	case r.Before != "":
		verb = "upgraded Marketing Cloud Connect from " + oneLine(r.Before) + " to " + oneLine(r.After)
	}
	if r.Access == "admins" && r.Before != r.After {
		verb += ", for admins only"
	}
	if r.Access == "all" {
		verb += ", for all users"
	}
	if r.DryRun {
		verb = "nothing was done (dry run); would say: " + verb
	}
	return a.print(verb + "\n")
}

// wanted is the version that the command names.
func (c *packageMove) wanted(ctx context.Context, s *crm.Session) (crm.PackageVersion, error) {
	byID := strings.HasPrefix(c.Version, "04t")
	all, err := s.PackageVersions(ctx)
	if err != nil && !byID { // a real org lists no versions, and knows each by its id
		return crm.PackageVersion{}, fmt.Errorf("the org does not list the versions of packages, so give the id of one, 04t…: %w", err)
	}
	for _, v := range slices.Backward(all) {
		newest := c.Version == "" && !v.Deprecated
		if newest || v.Name == c.Version || byID && v.ID[:15] == c.Version[:min(15, len(c.Version))] {
			return v, nil
		}
	}
	return crm.PackageVersion{ID: c.Version, Name: c.Version}, nil // the org says what is wrong with it
}

type packageInstallCmd struct{ packageMove }

// Run installs the package where there is none.
func (c *packageInstallCmd) Run(ctx context.Context, a *app) error {
	return c.move(ctx, a, func(has *crm.InstalledPackage, want crm.PackageVersion) error {
		if has != nil && has.Version.ID != want.ID && (want.Major == 0 || want.NewerThan(has.Version)) {
			if want.Major == 0 && !strings.HasPrefix(want.ID, "04t") {
				return fmt.Errorf("the org knows no version %q; 'twinspan package status' lists them", want.Name)
			}
			return fmt.Errorf("version %s is installed; 'twinspan package upgrade %s' brings it up", has.Version.Name, want.Name)
		}
		return c.refused(has, want)
	})
}

// refused says before a dry run what the org would say of the version; without one the org says it itself.
func (c *packageMove) refused(has *crm.InstalledPackage, want crm.PackageVersion) error {
	switch {
	case !c.DryRun:
		return nil
	case want.Deprecated:
		return fmt.Errorf("the org would refuse it: version %s is retired", want.Name)
	case has != nil && has.Version.NewerThan(want) && want.Major > 0:
		return fmt.Errorf("the org would refuse it: %s is older than the installed %s", want.Name, has.Version.Name)
	}
	return nil
}

type packageUpgradeCmd struct{ packageMove }

// Run brings the installed package up.
func (c *packageUpgradeCmd) Run(ctx context.Context, a *app) error {
	return c.move(ctx, a, func(has *crm.InstalledPackage, want crm.PackageVersion) error {
		if has == nil {
			a.errorf("the org has no Marketing Cloud Connect; 'twinspan package install %s' installs it", oneLine(want.Name))
			return errNo
		}
		return c.refused(has, want)
	})
}

type packageRemoveCmd struct {
	orgFlags
	Yes    bool          `help:"Do it; its records and values are gone for good." env:"-"`
	DryRun bool          `help:"Only say what would go." env:"-"`
	Wait   time.Duration `help:"How long to wait for an org that takes its time." default:"15m" env:"-"`
}

// Run removes the package.
func (c *packageRemoveCmd) Run(ctx context.Context, a *app) error {
	if !c.Yes && !c.DryRun {
		return usagef("removing the package removes its records and values for good; say --yes, or --dry-run to see")
	}
	if err := checkWait(c.Wait); err != nil {
		return err
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		has, err := installedPackage(ctx, s)
		if err != nil {
			return err
		}
		if has == nil {
			a.errorf("the org has no Marketing Cloud Connect")
			return errNo
		}
		goes, err := whatGoes(ctx, s)
		if err != nil {
			return err
		}
		if !c.DryRun {
			wait, stop := context.WithTimeout(ctx, c.Wait)
			defer stop()
			if err := s.UninstallPackage(wait, has.Version.ID); err != nil {
				return err
			}
		}
		if err := a.printMove(packageResult{Before: has.Version.Name, DryRun: c.DryRun, Goes: goes}); err != nil || a.json {
			return err
		}
		var b strings.Builder
		for _, what := range goes {
			fmt.Fprintf(&b, "goes  %s\n", oneLine(what))
		}
		return a.print(b.String())
	})
}

// whatGoes says what the installed package's removal takes along: nobody can give it back.
func whatGoes(ctx context.Context, s *crm.Session) ([]string, error) {
	state, err := readPackage(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []string
	if state.App != "" {
		out = append(out, "the connected app "+state.App+" with its policies, approvals and tokens; Connect is out of the org until 'twinspan connect --apply' after a new install")
	}
	for _, set := range state.PermissionSets {
		out = append(out, fmt.Sprintf("the permission set %s, which %d users have", set.Label, set.Users))
	}
	fields, err := s.Describe(ctx, "User")
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if !strings.HasPrefix(f.Name, mcNamespace+"__") || f.Type == "boolean" {
			continue
		}
		where := " WHERE " + f.Name + " != null"
		if f.Type == "encryptedstring" { // which no query filters
			where = ""
		}
		users, err := s.Query(ctx, "SELECT "+f.Name+" FROM User"+where)
		if err != nil {
			return nil, err
		}
		holders := 0
		for _, u := range users {
			if u[f.Name] != nil {
				holders++
			}
		}
		if holders > 0 {
			out = append(out, fmt.Sprintf("the field %s of users, with %d values", f.Label, holders))
		}
	}
	return append(out, "the package's other fields of users, and its objects with their records"), nil
}
