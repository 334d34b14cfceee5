package setup

import (
	"slices"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/org/packages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Fields of the form of Installed Packages, and what its buttons do.
const (
	fieldVersion = "version"
	fieldAccess  = "access"

	doInstall   = "install"
	doUninstall = "uninstall"
)

func (s *Server) mountPackages(on func(node) routes) {
	on(nodePackages).get("", viewer, func(v *visit) { showPackages(v, nil) })
	on(nodePackages).post("", viewer, changePackage)
}

// showPackages is Setup > Installed Packages. Install for Admins Only is what is chosen unless somebody chooses otherwise.
func showPackages(v *visit, alerts []ui.Alert) {
	o, err := v.s.Door.OrgNow(v.ctx(), v.Org.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := ui.Table{Caption: "Installed Packages", Columns: []string{"Package Name", "Namespace Prefix", "Version Number", "Action"}, Empty: "No packages are installed."}
	label := "Install"
	if o.Package != "" {
		label = "Upgrade"
		t.Rows = [][]ui.Cell{append(ui.Row(packages.Name, packages.Namespace, o.Package), button(nodePackages.Path, "Uninstall", doUninstall, org.ID(o.Package)))}
	}
	var versions []ui.Option
	for _, release := range slices.Backward(packages.Releases()) {
		if found, err := org.CheckPackage(release.Version, o.Package); err == nil && found.Version != o.Package {
			versions = append(versions, ui.Option{Value: release.Version, Label: release.Version})
		}
	}
	blocks := []ui.Block{t}
	if len(versions) > 0 {
		blocks = append(blocks, ui.Form{
			Action: nodePackages.Path, Legend: label + " " + packages.Name, Submits: []ui.Submit{{Label: label}},
			Fields: []ui.Field{
				hidden(fieldDo, doInstall),
				{Type: ui.SelectField, Name: fieldVersion, Label: "Version", Required: true, Value: versions[0].Value, Options: versions},
				{
					Type: ui.SelectField, Name: fieldAccess, Label: "Who gets access", Required: true, Value: org.SecurityNone,
					Options: []ui.Option{{Value: org.SecurityNone, Label: "Install for Admins Only"}, {Value: org.SecurityFull, Label: "Install for All Users"}},
				},
			},
		})
	}
	v.show(nodePackages.Label, alerts, blocks...)
}

// askUninstall says what goes with the package before it goes: with one click the connection of every user would be gone.
func askUninstall(v *visit, version string) {
	if err := v.need(v.tooling().Schema().Named(org.ObjectUninstallRequest).Create); err != nil {
		v.fail(err)
		return
	}
	if _, ok := packages.Find(version); !ok {
		showPackages(v, []ui.Alert{{Kind: ui.Error, Title: "Nothing was changed", Text: "This version of the package is not installed."}})
		return
	}
	var lose []string
	for _, s := range packages.PermissionSets() {
		lose = append(lose, "the permission set "+s.Label+", with its assignments")
	}
	lose = append(lose, "the connected app "+packages.ConnectedApp().Name+", with its policies and what users approved", "its objects, with their records", "its fields of users, with what they hold")
	v.showUnder("Uninstall "+packages.Name, []ui.Link{{Text: nodePackages.Label, Href: nodePackages.Path}}, nil, ui.Confirm{
		Action: nodePackages.Path, Texts: []string{"Uninstalling deletes at once, and for good, what the package brought. Whatever Marketing Cloud Connect does in this org ends with it."},
		LoseTitle: "What is deleted", Lose: lose,
		Hidden:  []ui.Field{hidden(fieldDo, doUninstall), hidden(fieldRecord, version), hidden(fieldOK, "true")},
		Submits: []ui.Submit{{Label: "Uninstall", Danger: true}}, Cancel: ui.Link{Text: "Cancel", Href: nodePackages.Path},
	})
}

// changePackage installs, upgrades and removes as the Tooling API does.
func changePackage(v *visit) {
	f, ok := v.form()
	if !ok {
		return
	}
	session, said := v.tooling(), ""
	session.Warn = func(text string) { said = text }
	done := "The package is installed."
	var err error
	switch f.Get(fieldDo) {
	case doInstall:
		_, err = v.s.Records.Create(v.ctx(), session, org.ObjectInstallRequest, map[string]any{
			"SubscriberPackageVersionKey": f.Get(fieldVersion), "SecurityType": f.Get(fieldAccess),
		})
	case doUninstall:
		if f.Get(fieldOK) == "" {
			askUninstall(v, f.Get(fieldRecord))
			return
		}
		done = "The package is removed."
		if release, ok := packages.Find(f.Get(fieldRecord)); ok {
			_, err = v.s.Records.Create(v.ctx(), session, org.ObjectUninstallRequest, map[string]any{"SubscriberPackageVersionId": release.ID})
		}
	}
	switch {
	case fault.KindOf(err) == fault.Invalid:
		said = fault.Of(err).Message
	case err != nil:
		v.fail(err)
		return
	}
	if said != "" {
		showPackages(v, []ui.Alert{{Kind: ui.Error, Title: "Nothing was changed", Text: said}})
		return
	}
	showPackages(v, saved(done))
}
