// Package packages holds the managed package that documents 000 to 003 live by, Marketing Cloud Connect, as versioned
// data: what an org gets when the package is installed. It knows no store and no rules; package org installs what
// stands here.
//
// What the public record names (connect-facts 1.4, 1.7, 8.3) is taken as it is there. In which release a part first
// came is known of three things alone: account disconnect (5.493), several orgs (5.494) and tenant-specific OAuth (220);
// the rest is there from the first release on.
package packages

import "slices"

// The package itself. Its ids are ours: the real ones differ from release line to release line.
const (
	Namespace = "et4ae5"
	Name      = "Marketing Cloud"
	ID        = "033300000002MCCAA2" // SubscriberPackage
)

// Current is the version that a new org of a fixture has.
const Current = "220"

// Release is one version of the package.
type Release struct {
	Version      string // "5.493", "220"
	ID           string // SubscriberPackageVersion, what PackageInstallRequest names as its key
	Major, Minor int
	// Retired releases cannot be installed.
	Retired bool
	order   int
}

// releases, oldest first. From 5.494 on the numbering begins anew at 219 (connect-facts 1.2).
var releases = []Release{
	{Version: "4.000", ID: "04t300000004000AAA", Major: 4, Retired: true},
	{Version: "5.400", ID: "04t300000005400AAA", Major: 5, Minor: 400},
	{Version: "5.493", ID: "04t300000005493AAA", Major: 5, Minor: 493},
	{Version: "5.494", ID: "04t300000005494AAA", Major: 5, Minor: 494},
	{Version: "219", ID: "04t300000000219AAA", Major: 219},
	{Version: "220", ID: "04t300000000220AAA", Major: 220},
}

// Releases lists all releases, oldest first.
func Releases() []Release {
	out := slices.Clone(releases)
	for i := range out {
		out[i].order = i
	}
	return out
}

// Find finds a release by version or by id, in 15 or 18 characters.
func Find(name string) (Release, bool) {
	for _, r := range Releases() {
		if r.Version == name || r.ID == name || r.ID[:15] == name {
			return r, true
		}
	}
	return Release{}, false
}

// NewerThan reports whether r was released after other.
func (r Release) NewerThan(other Release) bool { return r.order > other.order }

// has reports whether the release has what came with the named one; "" came with the first.
func (r Release) has(since string) bool {
	first, ok := Find(since)
	return since == "" || ok && !first.NewerThan(r)
}

// FieldType is a custom field's type, spelled as the Metadata API does.
type FieldType string

// The types in use.
const (
	Text          FieldType = "Text"
	LongText      FieldType = "LongTextArea"
	EncryptedText FieldType = "EncryptedText"
	Checkbox      FieldType = "Checkbox"
	Number        FieldType = "Number"
	DateTime      FieldType = "DateTime"
	Picklist      FieldType = "Picklist"
	Lookup        FieldType = "Lookup"
)

// Field is a custom field.
type Field struct {
	Name, Label string // API name, with namespace and __c
	Type        FieldType
	Length      int      // characters of a text
	On          bool     // a checkbox's default
	Default     string   // of a text or picklist; "" for none
	Number      int      // a number's default; 0 for none
	Values      []string // of a picklist
	To          string   // object that a lookup names
	Required    bool
	Since       string // version that first had it; "" the first
}

// Object is a custom object.
type Object struct {
	Name, Label, Plural string // API name, with namespace and __c
	Prefix              string // of record ids
	AutoNumber          string // display format of the Name field, "CFG-{0000}"; "" where people name records
	// Write is the custom permission that creating, changing and deleting records needs.
	Write  string
	Fields []Field
	Since  string
}

// PermissionSet is one that the package brings.
type PermissionSet struct {
	Label      string
	Name       string // without namespace
	Permission string // the custom permission that it gives
	System     string // a system permission that it gives; "" for none
}

// App is the connected app that the package brings.
type App struct {
	Name, DeveloperName string
	Scopes              []string // OAuth names
}

// Custom permissions of the package. Nothing public says what its permission sets hold; these three make the lack of
// each show by itself (docs/divergences.md).
const (
	PermConnector      = "et4ae5__Connector"      // see the package's objects
	PermConnectorAdmin = "et4ae5__ConnectorAdmin" // change its configuration
	PermSystemUser     = "et4ae5__SystemUser"     // write tracking results
)

// PermissionSets are the package's three (document 001, step 16).
func PermissionSets() []PermissionSet {
	return []PermissionSet{
		{Label: "Marketing Cloud Connector", Name: "Marketing_Cloud_Connector", Permission: PermConnector},
		{Label: "Marketing Cloud Connector Admin", Name: "Marketing_Cloud_Connector_Admin", Permission: PermConnectorAdmin},
		{Label: "Marketing Cloud System User", Name: "Marketing_Cloud_System_User", Permission: PermSystemUser, System: "ViewEncryptedData"},
	}
}

// SetOf is the label of the permission set that gives a custom permission; "" where none does.
func SetOf(permission string) string {
	for _, s := range PermissionSets() {
		if s.Permission == permission {
			return s.Label
		}
	}
	return ""
}

// ConnectedApp is the package's app (document 001, step 4).
func ConnectedApp() App {
	return App{Name: "Salesforce Marketing Cloud", DeveloperName: "Salesforce_Marketing_Cloud", Scopes: []string{"api", "refresh_token", "web"}}
}

// Tab is the label of the package's tab (document 001, step 33).
const Tab = "Marketing Cloud"

// Objects are the release's custom objects, by name.
func (r Release) Objects() []Object {
	var out []Object
	for _, o := range objects() {
		if !r.has(o.Since) {
			continue
		}
		o.Fields = r.only(o.Fields)
		out = append(out, o)
	}
	return out
}

// UserFields are the custom fields that the release adds to User.
func (r Release) UserFields() []Field { return r.only(userFields()) }

func (r Release) only(all []Field) []Field {
	var out []Field
	for _, f := range all {
		if r.has(f.Since) {
			out = append(out, f)
		}
	}
	return out
}
