package org

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org/packages"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodeNotInstallable: a version of the package that does not exist, is retired, or is older than the installed one.
const CodeNotInstallable fault.Code = "package_not_installable"

// Who gets access to what a package brings when it is installed.
const (
	SecurityFull = "full" // Install for All Users: every profile
	SecurityNone = "none" // Install for Admins Only: nobody but by permission set
)

// Installation says how the managed package gets into an org.
type Installation struct {
	Release  packages.Release
	Security string       // SecurityNone or SecurityFull
	App      ConnectedApp // the package's app as it is to be, where the org has none yet
}

// NewPackageApp is the package's connected app as an install makes it: with a consumer key of its own and no
// certificate, which its owner sets by the Metadata API. An org that had the package before gets the app that it had. Policies are the defaults of a new app (crm-wire 5.4).
func NewPackageApp(org ID, contactEmail string) ConnectedApp {
	a := packages.ConnectedApp()
	return ConnectedApp{
		Org: org, ID: NewID(PrefixConnectedApplication), Name: a.Name, DeveloperName: a.DeveloperName, Namespace: packages.Namespace,
		ContactEmail: contactEmail, ConsumerKey: string(appendSecret(appendSecret([]byte("3MVG9")))), Scopes: a.Scopes,
		CallbackURLs: []string{"https://login.salesforce.com/services/oauth2/success"}, SecretOptional: true, Installed: true,
		IPRelaxation: IPEnforce, RefreshTokenPolicy: RefreshInfinite,
	}
}

// CheckPackage finds the release that a version names and decides whether it may follow the installed one ("" for none).
func CheckPackage(name, installed string) (packages.Release, error) {
	r, ok := packages.Find(name)
	if !ok {
		return r, fault.New(fault.Invalid, CodeNotInstallable, "We can't find a package version with the id %s.", clip(name))
	}
	if r.Retired {
		return r, fault.New(fault.Invalid, CodeNotInstallable, "Marketing Cloud Connect %s cannot be installed: versions below 5 are retired.", r.Version)
	}
	if now, ok := packages.Find(installed); ok && installed != "" && now.NewerThan(r) {
		return r, fault.New(fault.Invalid, CodeNotInstallable, "A newer version of this package is currently installed: %s, which cannot be replaced by %s.", now.Version, r.Version)
	}
	return r, nil
}

// InstallPackage brings what the release has and the org lacks, in the name of a user. What stands already stays as it is,
// policies and assignments too, so that installing is upgrading; it may be repeated.
func InstallPackage(tx RecordTx, org, by ID, in Installation, at time.Time) error {
	w := packageWriter{tx: tx, org: org, by: by, at: at, schema: SchemaWith(in.Release.Version, true)}
	if err := w.record(in.Release); err != nil {
		return err
	}
	if err := w.sets(); err != nil {
		return err
	}
	if in.Security == SecurityFull {
		grant := Values{"Permissions" + packages.PermConnector: true}
		if _, err := tx.Update(w.schema.must(ObjectPermissionSet), org, Values{"IsOwnedByProfile": true}, grant); err != nil {
			return err
		}
	}
	apps, err := tx.Find(w.schema.must(ObjectConnectedApplication), org, w.ours(), 1)
	if err != nil || len(apps) > 0 {
		return err
	}
	key, certificate, err := tx.KeptPackageApp(org)
	if err != nil {
		return err
	}
	if key != "" { // a packaged app is its publisher's: it is the same one after the package was removed
		in.App.ConsumerKey, in.App.Certificate = key, certificate
	}
	return tx.AddApp(in.App, by, at)
}

// packageWriter writes the parts of an installation.
type packageWriter struct {
	tx      RecordTx
	org, by ID
	at      time.Time
	schema  *Schema
}

// ours matches what the package brought.
func (w packageWriter) ours() Values { return Values{"NamespacePrefix": packages.Namespace} }

// record keeps which release is installed.
func (w packageWriter) record(r packages.Release) error {
	o := w.schema.must(ObjectInstalledPackage)
	values := Values{"SubscriberPackageVersionId": r.ID, "Version": r.Version}
	n, err := w.tx.Update(o, w.org, Values{"SubscriberPackageId": packages.ID}, values)
	if err != nil || n > 0 {
		return err
	}
	values["Id"], values["SubscriberPackageId"] = string(NewID(prefixInstalledPackage)), packages.ID
	return w.tx.Insert(o, w.org, values)
}

// sets makes the package's permission sets give what they give in this release.
func (w packageWriter) sets() error {
	o := w.schema.must(ObjectPermissionSet)
	for _, s := range packages.PermissionSets() {
		gives := Values{"Permissions" + s.Permission: true}
		if s.System != "" {
			gives["Permissions"+s.System] = true
		}
		n, err := w.tx.Update(o, w.org, Values{"Name": s.Name, "NamespacePrefix": packages.Namespace}, gives)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		values := Values{
			"Id": string(NewID(PrefixPermissionSet)), "Name": s.Name, "Label": s.Label, "NamespacePrefix": packages.Namespace, "IsCustom": true,
			"IsOwnedByProfile": false, "HasActivationRequired": false, "Type": "Regular",
			"CreatedDate": w.at, "LastModifiedDate": w.at, "SystemModstamp": w.at, "CreatedById": string(w.by), "LastModifiedById": string(w.by),
		}
		maps.Copy(values, gives)
		if err := w.tx.Insert(o, w.org, values); err != nil {
			return err
		}
	}
	return nil
}

// maxPackageParts bounds how many records of a kind a package brings.
const maxPackageParts = 100

// UninstallPackage removes all that the package brought, and the records and values kept in it: for good, as the real
// one does once its grace period is over.
func UninstallPackage(tx RecordTx, org ID, r packages.Release, at time.Time) error {
	w := packageWriter{tx: tx, org: org, at: at, schema: SchemaWith(r.Version, true)}
	for _, o := range r.Objects() {
		if _, err := tx.Remove(w.schema.must(o.Name), org, Values{}); err != nil {
			return err
		}
	}
	if err := w.removeSets(); err != nil {
		return err
	}
	if err := tx.KeepPackageApp(org); err != nil {
		return err
	}
	if err := w.removeApp(); err != nil {
		return err
	}
	gone := Values{}
	for _, f := range r.UserFields() {
		gone[f.Name] = nil
	}
	if _, err := tx.Update(w.schema.must(ObjectUser), org, Values{}, gone); err != nil {
		return err
	}
	_, err := tx.Remove(w.schema.must(ObjectInstalledPackage), org, Values{"SubscriberPackageId": packages.ID})
	return err
}

func (w packageWriter) removeSets() error {
	sets := w.schema.must(ObjectPermissionSet)
	found, err := w.tx.Find(sets, w.org, w.ours(), maxPackageParts)
	if err != nil {
		return err
	}
	for _, s := range found {
		if _, err := w.tx.Remove(w.schema.must(ObjectPermissionSetAssignment), w.org, Values{"PermissionSetId": s.Text("Id")}); err != nil {
			return err
		}
		for _, carried := range setCarries {
			if _, err := w.tx.Remove(w.schema.must(carried), w.org, Values{"ParentId": s.Text("Id")}); err != nil {
				return err
			}
		}
	}
	if _, err := w.tx.Remove(sets, w.org, w.ours()); err != nil {
		return err
	}
	gone := Values{}
	for _, s := range packages.PermissionSets() {
		gone["Permissions"+s.Permission] = false
	}
	_, err = w.tx.Update(sets, w.org, Values{"IsOwnedByProfile": true}, gone)
	return err
}

func (w packageWriter) removeApp() error {
	apps := w.schema.must(ObjectConnectedApplication)
	found, err := w.tx.Find(apps, w.org, w.ours(), maxPackageParts)
	if err != nil {
		return err
	}
	for _, a := range found {
		if err := removeApp(w.tx, w.org, a.ID("Id"), w.at); err != nil {
			return err
		}
	}
	return nil
}

// installed is the release that the org has, with its row locked; false where it has none.
func (c *change) installed() (packages.Release, bool, error) {
	o := c.schema.must(ObjectInstalledPackage)
	found, err := c.tx.Find(o, c.session.Org, Values{"SubscriberPackageId": packages.ID}, 1)
	if err != nil || len(found) == 0 {
		return packages.Release{}, false, err
	}
	row, err := c.tx.Lock(o, c.session.Org, found[0].ID("Id"))
	if err != nil {
		return packages.Release{}, false, err
	}
	r, ok := packages.Find(row.Text("Version"))
	return r, ok, nil
}

// beforeInstallRequest installs. What keeps a version from being installed is the request's outcome and not its refusal,
// as the real one only knows after it has begun.
func beforeInstallRequest(c *change) error {
	now, _, err := c.installed()
	if err != nil {
		return err
	}
	c.values["Status"], c.values["Password"] = "SUCCESS", nil // a secret, which nothing here needs
	release, err := CheckPackage(c.text("SubscriberPackageVersionKey"), now.Version)
	if err != nil {
		c.values["Status"] = "ERROR"
		c.session.warn(fault.Of(err).Message)
		c.values["Errors"], err = installErrors(fault.Of(err).Message)
		return err
	}
	user, err := c.related(ObjectUser, c.session.User)
	if err != nil {
		return err
	}
	err = InstallPackage(c.tx, c.session.Org, c.session.User, Installation{
		Release: release, Security: c.text("SecurityType"), App: NewPackageApp(c.session.Org, user.Text("Email")),
	}, c.at)
	if err != nil {
		return err
	}
	display, action := "Installed package "+packages.Name+", version "+release.Version, "packageInstall"
	switch {
	case now.Version == release.Version && c.text("SecurityType") != SecurityFull: // nothing changed, so nobody changed it
		return nil
	case now.Version == release.Version:
		display, action = "Opened the objects of package "+packages.Name+", version "+release.Version, "packageUpgrade"
	case now.Version != "":
		display, action = "Upgraded package "+packages.Name+" from version "+now.Version+" to "+release.Version, "packageUpgrade"
	}
	for whom, security := range map[string]string{", for admins only": SecurityNone, ", for all users": SecurityFull} {
		if c.text("SecurityType") == security {
			display += whom
		}
	}
	return Audit(c.tx, c.session, c.at, action, sectionPackages, display)
}

// sectionPackages is where the trail has what becomes of packages.
const sectionPackages = "Installed Packages"

func installErrors(message string) (JSON, error) {
	type one struct {
		Message string `json:"message"`
	}
	text, err := json.Marshal(map[string]any{"errors": []one{{message}}})
	return JSON(text), err
}

// beforeUninstallRequest removes the installed version; another one is the request's error.
func beforeUninstallRequest(c *change) error {
	now, ok, err := c.installed()
	if err != nil {
		return err
	}
	if !ok || now.ID != c.text("SubscriberPackageVersionId") {
		c.values["Status"] = "Error"
		return c.tx.Insert(c.schema.must(ObjectUninstallError), c.session.Org, Values{
			"Id": string(NewID(prefixUninstallError)), "ParentRequestId": string(c.id), "Message": "This version of the package is not installed.",
		})
	}
	c.values["Status"] = "Success"
	if err := UninstallPackage(c.tx, c.session.Org, now, c.at); err != nil {
		return err
	}
	return Audit(c.tx, c.session, c.at, "packageUninstall", sectionPackages, "Removed package "+packages.Name+", version "+now.Version)
}

// numberRecord names a new record of an object with automatic numbers.
func numberRecord(c *change) error {
	if c.old != nil {
		return nil
	}
	n, err := c.tx.NextNumber(c.object, c.session.Org)
	if err != nil {
		return err
	}
	c.values["Name"] = AutoNumber(c.object.AutoNumber, n)
	return nil
}

// nameRecord calls a record that nobody names by its id, as the service does.
func nameRecord(c *change) error {
	if c.get("Name") == nil {
		c.values["Name"] = c.id.Short()
	}
	return nil
}

// AutoNumber writes a number in a display format: "CFG-{0000}" makes "CFG-0007" of 7.
func AutoNumber(format string, n int64) string {
	before, rest, _ := strings.Cut(format, "{")
	digits, after, _ := strings.Cut(rest, "}")
	return fmt.Sprintf("%s%0*d%s", before, len(digits), n, after)
}

// lacking words the refusal of somebody who lacks a permission. Where a permission set of the package gives it, its name
// is said: nothing else tells which of the sets is missing.
func lacking(o *Object, need Need, p Permissions, id ID) error {
	for _, group := range need {
		if p.Any(group...) {
			continue
		}
		if set := packages.SetOf(group[0]); set != "" {
			return fault.New(fault.Denied, CodeInsufficientAccess, "insufficient access rights on object %s: assign the permission set %q to the user", o.Name, set)
		}
	}
	return insufficientAccess(id)
}
