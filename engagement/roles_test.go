package engagement_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

// TestRolesOfOnesOwn: a role that denies beats every role that allows, from the next call on; system-defined roles, roles
// that somebody has, and roles with more than their maker has are refused.
func TestRolesOfOnesOwn(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		admin, pkg := named(h.API, tenanttest.Password), fuel(s.token(t, h))
		role := func(operation, members string) node {
			return s.soap(t, admin, operation, `<`+operation+`Request`+api+`><Objects xsi:type="Role">`+members+`</Objects></`+operation+`Request>`)
		}
		set := func(name, verdict, permissions string) string {
			return `<PermissionSets><PermissionSet><CustomerKey>` + name + `</CustomerKey>` + verdict + `<Permissions>` + permissions + `</Permissions></PermissionSet></PermissionSets>`
		}
		name := "mailer@" + h.Server
		written(t, s.soap(t, admin, "Create", createUser(`<UserID>`+name+`</UserID><Name>Mailer</Name><Email>mailer@example.com</Email><Password>a long password 1</Password><IsAPIUser>true</IsAPIUser>
			<UserPermissions><ID>23</ID></UserPermissions><Roles><Role><CustomerKey>SYS_DEF_IMHPUBLISHER</CustomerKey></Role></Roles>`)), "OK", "")
		send := func() string {
			return s.soap(t, named(name, "a long password 1"), "Create", `<CreateRequest`+api+`><Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>welcome</CustomerKey></TriggeredSendDefinition>`+
				`<Subscribers><EmailAddress>a@example.com</EmailAddress></Subscribers></Objects></CreateRequest>`).all("Results")[0].value("StatusMessage")
		}
		if text := send(); text != "Created TriggeredSend" {
			t.Fatalf("before: %s", text)
		}
		made := written(t, role("Create", `<CustomerKey>no-mail</CustomerKey><Name>No mail</Name>`+set("Email", "", `<Permission><ObjectType>Email</ObjectType><Operation>Send</Operation><IsDenied>true</IsDenied></Permission>`)), "OK", "Role created")
		if len(made.value("NewObjectID")) != 36 {
			t.Errorf("%+v", made)
		}
		give := func(remove string) {
			t.Helper()
			written(t, s.soap(t, admin, "Update", updateUser(`<UserID>`+name+`</UserID><Roles><Role><CustomerKey>no-mail</CustomerKey><AssignmentConfigurations><AssignmentConfiguration><AssignmentConfigureType>RoleUser</AssignmentConfigureType><IsDelete>`+remove+
				`</IsDelete></AssignmentConfiguration></AssignmentConfigurations></Role></Roles>`)), "OK", "")
		}
		give("false")
		if text := send(); text != "API Permission Failed." {
			t.Errorf("a deny does not win: %s", text)
		}
		got := s.soap(t, admin, "Retrieve", retrieveOf("Role", whereEquals("CustomerKey", "NO-MAIL"), "Name", "IsSystemDefined", "PermissionSets"))
		sets, _ := got.all("Results")[0].find("PermissionSets")
		if sets.values("PermissionSet", "Name") != "Email" || got.values("Results", "IsSystemDefined") != "false" {
			t.Errorf("%+v", got)
		}
		written(t, role("Delete", `<CustomerKey>no-mail</CustomerKey>`), "Error", "Somebody has the role")
		written(t, role("Update", `<CustomerKey>no-mail</CustomerKey><Name>Reads mail</Name>`+set("Email", `<IsAllowed>true</IsAllowed>`, "")), "OK", "Role updated")
		if text := send(); text != "Created TriggeredSend" {
			t.Errorf("a role that denies no more: %s", text)
		}
		give("true")
		written(t, role("Delete", `<CustomerKey>no-mail</CustomerKey>`), "OK", "Role deleted")

		for what, c := range map[string]struct{ operation, members, message string }{
			"a system-defined role":  {"Update", `<CustomerKey>SYS_DEF_ADMIN</CustomerKey><Name>x</Name>`, "system-defined"},
			"a key that is taken":    {"Create", `<CustomerKey>sys_def_admin</CustomerKey><Name>x</Name>`, "exists already"},
			"no such role":           {"Delete", `<CustomerKey>none</CustomerKey>`, "no role"},
			"no such permission set": {"Create", `<Name>x</Name>` + set("Nothing", "", ""), "no permission set"},
			"no such permission":     {"Create", `<Name>x</Name>` + set("Email", "", `<Permission><Name>Email.Burn</Name><IsAllowed>true</IsAllowed></Permission>`), "no permission"},
			"no name":                {"Create", `<CustomerKey>x</CustomerKey>`, "needs a name"},
			"neither true nor false": {"Create", `<Name>x</Name>` + set("Email", "<IsDenied>maybe</IsDenied>", ""), "neither"},
		} {
			if a := role(c.operation, c.members); a.value("OverallStatus") != "Error" || !strings.Contains(a.all("Results")[0].value("StatusMessage"), c.message) {
				t.Errorf("%s: %+v", what, a)
			}
		}
		// The package may write users and accounts, and so makes roles that administer nothing.
		for set, good := range map[string]bool{`<CustomerKey>Push</CustomerKey>`: true, `<CustomerKey>MarketingCloud</CustomerKey>`: false} {
			a := s.soap(t, pkg, "Create", `<CreateRequest`+api+`><Objects xsi:type="Role"><Name>x</Name><PermissionSets><PermissionSet>`+set+`<IsAllowed>true</IsAllowed></PermissionSet></PermissionSets></Objects></CreateRequest>`)
			if (a.value("OverallStatus") == "OK") != good {
				t.Errorf("%s by the package: %+v", set, a)
			}
		}
	})
}
