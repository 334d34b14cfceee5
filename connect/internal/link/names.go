package link

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"

	"github.com/twinspan/twinspan/internal/fault"
)

// Names are what the things of a connection are called in its org: the managed package's as the vendor ships it, unless the
// connection's settings say otherwise, as for a copy under another namespace or an app of the customer's own. A field that
// is "" has its default; [Link.Names] fills them in.
type Names struct {
	Namespace string // of the package, without underscores: "et4ae5"
	App       string // label of the connected app: "Salesforce Marketing Cloud"
	// ApprovalSet is the label of the permission set that carries users to the app; the others are the package's three.
	ApprovalSet, ConnectorSet, ConnectorAdminSet, SystemUserSet string
	// ConsoleAdminSet and ConsoleUserSet are the labels of the permission sets that the roles of Connect's pages come from under an
	// own link, where the package's boxes are not there.
	ConsoleAdminSet, ConsoleUserSet string
	// API names without the namespace, "ExactTarget_OAuth_Token__c", and labels of the User field that holds the mapping's
	// token and of the two boxes.
	TokenField, TokenLabel, UserBox, UserBoxLabel, AdminBox, AdminBoxLabel string
	// Configuration is the API name without the namespace of the object of the package's settings page.
	Configuration string
}

// name is one of the Names as it is set: its key, its default, and where it lies.
type name struct {
	key, standard string
	at            func(*Names) *string
}

// names are all of them (connect-facts 1.3, 1.4, 1.7; document 001).
var names = []name{
	{"namespace", "et4ae5", func(n *Names) *string { return &n.Namespace }},
	{"connected_app", "Salesforce Marketing Cloud", func(n *Names) *string { return &n.App }},
	{"approval_set", "Marketing Cloud Connected App", func(n *Names) *string { return &n.ApprovalSet }},
	{"connector_set", "Marketing Cloud Connector", func(n *Names) *string { return &n.ConnectorSet }},
	{"connector_admin_set", "Marketing Cloud Connector Admin", func(n *Names) *string { return &n.ConnectorAdminSet }},
	{"system_user_set", "Marketing Cloud System User", func(n *Names) *string { return &n.SystemUserSet }},
	{"console_admin_set", "Twinspan Admin", func(n *Names) *string { return &n.ConsoleAdminSet }},
	{"console_user_set", "Twinspan User", func(n *Names) *string { return &n.ConsoleUserSet }},
	{"token_field", "ExactTarget_OAuth_Token__c", func(n *Names) *string { return &n.TokenField }},
	{"token_label", "Marketing Cloud OAuth Token", func(n *Names) *string { return &n.TokenLabel }},
	{"user_box", "ExactTargetForAppExchangeUser__c", func(n *Names) *string { return &n.UserBox }},
	{"user_box_label", "Marketing Cloud for AppExchange User", func(n *Names) *string { return &n.UserBoxLabel }},
	{"admin_box", "ExactTargetForAppExchangeAdmin__c", func(n *Names) *string { return &n.AdminBox }},
	{"admin_box_label", "Marketing Cloud for AppExchange Admin", func(n *Names) *string { return &n.AdminBoxLabel }},
	{"configuration_object", "Configuration__c", func(n *Names) *string { return &n.Configuration }},
}

var (
	namespaceForm = regexp.MustCompile(`^[A-Za-z](?:_?[A-Za-z0-9]){0,14}$`)
	apiNameForm   = regexp.MustCompile(`^[A-Za-z](?:_?[A-Za-z0-9]){0,59}__c$`)
)

// check refuses what cannot be such a name. API names and the namespace stand in queries: only what Setup lets be one passes.
func (n name) check(value string) error {
	bad := func(want string) error {
		return fault.New(fault.Invalid, CodeInvalidLink, "%s is %s.", n.key, want).In("names." + n.key)
	}
	switch {
	case value == "":
		return nil
	case n.key == "namespace":
		if !namespaceForm.MatchString(value) {
			return bad("a namespace of at most 15 letters, digits and single underscores, without the two behind it")
		}
	case strings.HasSuffix(n.standard, "__c"):
		if !apiNameForm.MatchString(value) {
			return bad("an API name that ends in __c, without its namespace")
		}
	case len(value) > 255 || strings.ContainsFunc(value, unicode.IsControl) || strings.TrimSpace(value) != value:
		return bad("a label in one line of at most 255 bytes")
	}
	return nil
}

// With is the names with some changed, by key; "" takes the default again.
func (n Names) With(changes map[string]string) (Names, error) {
	left := len(changes)
	for _, one := range names {
		value, there := changes[one.key]
		if !there {
			continue
		}
		left--
		if err := one.check(value); err != nil {
			return n, err
		}
		if value == one.standard && one.key != "connected_app" { // whose default the connection may have of its own
			value = ""
		}
		*one.at(&n) = value
	}
	if left > 0 {
		return n, fault.New(fault.Invalid, CodeInvalidLink, "The names are %s.", strings.Join(NameKeys(), ", ")).In("names")
	}
	return n, nil
}

// Map is the names by key, those alone that are set.
func (n Names) Map() map[string]string {
	all := map[string]string{}
	for _, one := range names {
		if v := *one.at(&n); v != "" {
			all[one.key] = v
		}
	}
	return all
}

// Text is what is set as the store and the audit chain keep it: JSON by key; "" where everything is the default.
func (n Names) Text() string {
	set := n.Map()
	if len(set) == 0 {
		return ""
	}
	text, _ := json.Marshal(set) // texts alone always marshal
	return string(text)
}

// ParseNames reads what Text wrote.
func ParseNames(text string) (Names, error) {
	if text == "" {
		return Names{}, nil
	}
	var set map[string]string
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return Names{}, err
	}
	return Names{}.With(set)
}

// full is the names with their defaults.
func (n Names) full() Names {
	for _, one := range names {
		if at := one.at(&n); *at == "" {
			*at = one.standard
		}
	}
	return n
}

// StandardNames are the names as the vendor ships them.
func StandardNames() Names { return Names{}.full() }

// Names are what things are called in the link's org.
func (l Link) Names() Names {
	n := l.Called
	if n.App == "" {
		n.App = l.ConnectedApp
	}
	return n.full()
}

// Of is the API name of one of the package's objects and fields: "et4ae5__" before it.
func (n Names) Of(plain string) string { return n.Namespace + "__" + plain }

// UnitObject is the package's object for business units, with its fields (connect-facts 1.7).
func (n Names) UnitObject() string { return n.Of("Business_Unit__c") }

// UnitMID is the field with the business unit's MID.
func (n Names) UnitMID() string { return n.Of("Business_Unit_ID__c") }

// UnitEnabled is the field that says that the org's users may work there.
func (n Names) UnitEnabled() string { return n.Of("Enabled__c") }

// UnitSaved is the field that says that it was enabled before.
func (n Names) UnitSaved() string { return n.Of("PreSaved__c") }

// TokenFieldName is the User field that holds the mapping's token below package 5.493.
func (n Names) TokenFieldName() string { return n.Of(n.TokenField) }

// UserBoxName is the box "Marketing Cloud for AppExchange User".
func (n Names) UserBoxName() string { return n.Of(n.UserBox) }

// AdminBoxName is the box "Marketing Cloud for AppExchange Admin".
func (n Names) AdminBoxName() string { return n.Of(n.AdminBox) }

// ResetApex is the line that the vendor's package needs in an org that was copied, in anonymous Apex (connect-facts 3.7).
func (n Names) ResetApex() string {
	return n.Namespace + ".SupportUtilities.resetConfiguration();"
}

// PackageSets are the labels of the package's three permission sets, which document 001 gives the system user.
func (n Names) PackageSets() []string {
	return []string{n.ConnectorSet, n.ConnectorAdminSet, n.SystemUserSet}
}

// AppFullNames are what the Metadata API may call the connected app: the package's, and one of the org's own of that label.
func (n Names) AppFullNames() []string {
	plain := strings.ReplaceAll(n.App, " ", "_")
	return []string{n.Of(plain), plain}
}

// NameKeys are the keys of all names, in their order.
func NameKeys() []string {
	keys := make([]string, len(names))
	for i, one := range names {
		keys[i] = one.key
	}
	return keys
}
