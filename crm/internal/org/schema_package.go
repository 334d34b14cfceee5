package org

import (
	"strings"
	"sync"

	"github.com/twinspan/twinspan/crm/internal/org/packages"
)

// Objects of the Tooling API, with key prefixes (crm-wire 5.3 names none of them; they are the vendor's).
const (
	ObjectInstalledPackage = "InstalledSubscriberPackage"
	ObjectPackage          = "SubscriberPackage"
	ObjectPackageVersion   = "SubscriberPackageVersion"
	ObjectInstallRequest   = "PackageInstallRequest"
	ObjectUninstallRequest = "SubscriberPackageVersionUninstallRequest"
	ObjectUninstallError   = "PackageVersionUninstallRequestError"

	prefixInstalledPackage = "0A3"
	prefixPackage          = "033"
	prefixPackageVersion   = "04t"
	prefixInstallRequest   = "0Hf"
	prefixUninstallRequest = "06y"
	prefixUninstallError   = "04q"
)

type schemaKey struct {
	version string
	tooling bool
}

var schemas sync.Map // schemaKey -> *Schema

// SchemaWith is the schema of an org with a version of the managed package ("" without it), as the data APIs show it or
// as the Tooling API does. A version that this program does not know adds nothing.
func SchemaWith(version string, tooling bool) *Schema {
	key := schemaKey{version, tooling}
	if s, ok := schemas.Load(key); ok {
		return s.(*Schema)
	}
	s, _ := schemas.LoadOrStore(key, NewSchema(objectsWith(version, tooling)...))
	return s.(*Schema)
}

// objectsWith makes the objects of such a schema anew.
func objectsWith(version string, tooling bool) []*Object {
	objects := standardObjects()
	if r, ok := packages.Find(version); ok && version != "" {
		objects = withPackage(objects, r)
	}
	if tooling {
		objects = append(append(objects, toolingObjects()...), customObjects()...)
		objects = append(objects, authorizedDomainObject(), remoteSiteObject())
	}
	return objects
}

// StandardSchema is the schema of an org without the managed package.
func StandardSchema() *Schema { return SchemaWith("", false) }

// WholeSchema is the largest schema: the current package, and the Tooling API.
func WholeSchema() *Schema { return SchemaWith(packages.Current, true) }

func withPackage(objects []*Object, r packages.Release) []*Object {
	for _, o := range objects {
		switch o.Name {
		case ObjectUser:
			for _, f := range r.UserFields() {
				o.Fields = append(o.Fields, packageField(f))
			}
		case ObjectPermissionSet:
			for _, s := range packages.PermissionSets() {
				o.Fields = append(o.Fields, customPermission(s.Permission))
			}
		}
	}
	for _, p := range r.Objects() {
		objects = append(objects, packageObject(p))
	}
	return objects
}

// customPermission is one that a package brings: in the same list as the system permissions, and never shown as a field.
func customPermission(name string) *Field { return permission(name).hidden() }

// packageField is a package's field, in the JSON of the row.
func packageField(p packages.Field) *Field {
	var f *Field
	switch p.Type {
	case packages.Checkbox:
		f = boolean(p.Name, p.Label)
		if p.On {
			f.defaults(true)
		}
	case packages.Number:
		f = typed(p.Name, p.Label, TypeInt, 0)
		if p.Number != 0 {
			f.defaults(int64(p.Number))
		}
	case packages.DateTime:
		f = typed(p.Name, p.Label, TypeDateTime, 0)
	case packages.Picklist:
		f = picklist(p.Name, p.Label, true, values(p.Values...)...)
	case packages.Lookup:
		f = reference(p.Name, p.Label, strings.TrimSuffix(p.Name, "__c")+"__r", "", p.To)
	case packages.LongText:
		f = typed(p.Name, p.Label, TypeTextArea, p.Length)
	case packages.EncryptedText:
		f = typed(p.Name, p.Label, TypeEncrypted, p.Length)
	default:
		f = text(p.Name, p.Label, p.Length)
	}
	if p.Default != "" {
		f.defaults(p.Default)
	}
	if p.Required {
		f.required()
	}
	return f.custom()
}

// packageObject is a package's object. Its records are seen by who has the package's permission set for that, and
// written by who has the set for the object.
func packageObject(p packages.Object) *Object {
	write := Need{{packages.PermConnector}, {p.Write}}
	o := &Object{
		Name: p.Name, Label: p.Label, Plural: p.Plural, KeyPrefix: p.Prefix, Custom: true, AutoNumber: p.AutoNumber,
		Createable: true, Updateable: true, Deletable: true, SoftDelete: true,
		View: Need{{packages.PermConnector}}, Create: write, Update: write, Delete: write,
	}
	name := text("Name", p.Label+" Name", 80).required().name()
	if p.AutoNumber != "" {
		name = text("Name", p.Label+" Number", 30).filled().readOnly().name()
	}
	o.Fields = fields(idField(), deletedField(), name, ownerField(""), auditFields())
	for _, f := range p.Fields {
		o.Fields = append(o.Fields, packageField(f))
	}
	return o
}

// toolingObjects: package installation as the vendor's command line and its users do it.
func toolingObjects() []*Object {
	install := Need{{PermInstallPackaging}}
	seen := Need{{PermViewSetup, PermInstallPackaging}}
	return []*Object{
		{
			Name: ObjectInstalledPackage, Label: "Installed Package", Plural: "Installed Packages", KeyPrefix: prefixInstalledPackage, Setup: true, View: seen,
			Fields: fields(idField(),
				reference("SubscriberPackageId", "Package ID", "SubscriberPackage", "", ObjectPackage).required().readOnly(),
				reference("SubscriberPackageVersionId", "Version ID", "SubscriberPackageVersion", "", ObjectPackageVersion).required().readOnly(),
				text("Version", "Version", 20).hidden()),
		},
		{
			Name: ObjectPackage, Label: "Package", Plural: "Packages", KeyPrefix: prefixPackage, Common: true, View: seen,
			Fields: fields(idField(),
				text("Name", "Package Name", 80).required().readOnly().name(), text("NamespacePrefix", "Namespace Prefix", 15).readOnly(),
				text("Description", "Description", 255).readOnly(), boolean("IsPackageValid", "Is Package Valid").readOnly()),
		},
		{
			Name: ObjectPackageVersion, Label: "Package Version", Plural: "Package Versions", KeyPrefix: prefixPackageVersion, Common: true, View: seen,
			Fields: fields(idField(),
				reference("SubscriberPackageId", "Package ID", "SubscriberPackage", "", ObjectPackage).required().readOnly(),
				text("Name", "Version Name", 80).required().readOnly().name(), text("PublisherName", "Publisher", 80).readOnly(),
				typed("MajorVersion", "Major Version", TypeInt, 0).required().readOnly(), typed("MinorVersion", "Minor Version", TypeInt, 0).required().readOnly(),
				typed("PatchVersion", "Patch Version", TypeInt, 0).required().readOnly(), typed("BuildNumber", "Build Number", TypeInt, 0).required().readOnly(),
				picklist("ReleaseState", "Release State", true, values("Released", "Beta")...).required().readOnly(),
				boolean("IsManaged", "Is Managed").readOnly(), boolean("IsDeprecated", "Is Deprecated").readOnly(), boolean("IsBeta", "Is Beta").readOnly(),
				boolean("IsPasswordProtected", "Is Password Protected").readOnly()),
		},
		{
			Name: ObjectInstallRequest, Label: "Package Install Request", Plural: "Package Install Requests", KeyPrefix: prefixInstallRequest, Setup: true,
			Createable: true, View: seen, Create: install,
			Fields: fields(idField(),
				text("SubscriberPackageVersionKey", "Subscriber Package Version Key", 255).required().createOnly(),
				picklist("SecurityType", "Security Type", true, values(SecurityFull, SecurityNone)...).defaults(SecurityNone).createOnly(),
				picklist("NameConflictResolution", "Name Conflict Resolution", true, values("Block", "RenameMetadata")...).defaults("Block").createOnly(),
				picklist("PackageInstallSource", "Package Install Source", false, values("U")...).createOnly(),
				picklist("ApexCompileType", "Apex Compile Type", true, values("all", "package")...).createOnly(),
				picklist("UpgradeType", "Upgrade Type", true, values("mixed-mode", "deprecate-only", "delete-only")...).createOnly(),
				boolean("EnableRss", "Enable RSS").createOnly(),
				notFilterable(text("Password", "Password", 255)).createOnly(),
				picklist("Status", "Status", true, values("IN_PROGRESS", "SUCCESS", "ERROR", "UNKNOWN")...).filled().readOnly(),
				typed("Errors", "Errors", TypeComplex, 32000).readOnly(), auditFields()),
		},
		{
			Name: ObjectUninstallRequest, Label: "Package Uninstall Request", Plural: "Package Uninstall Requests", KeyPrefix: prefixUninstallRequest, Setup: true,
			Createable: true, View: seen, Create: install,
			Fields: fields(idField(),
				reference("SubscriberPackageVersionId", "Version ID", "SubscriberPackageVersion", "", ObjectPackageVersion).required().createOnly(),
				picklist("Status", "Status", true, values("Queued", "InProgress", "Success", "Error")...).filled().readOnly(), auditFields()),
		},
		{
			Name: ObjectUninstallError, Label: "Package Uninstall Error", Plural: "Package Uninstall Errors", KeyPrefix: prefixUninstallError, View: seen,
			Fields: fields(idField(),
				reference("ParentRequestId", "Request ID", "ParentRequest", "", ObjectUninstallRequest).required().readOnly(),
				text("Message", "Message", 1000).required().readOnly()),
		},
	}
}
