package engagement_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// node is an element of an answer.
type node struct {
	XMLName  xml.Name
	Text     string `xml:",chardata"`
	Children []node `xml:",any"`
}

func (n node) find(path ...string) (node, bool) {
	for _, name := range path {
		ok := false
		for _, c := range n.Children {
			if c.XMLName.Local == name {
				n, ok = c, true
				break
			}
		}
		if !ok {
			return node{}, false
		}
	}
	return n, true
}

func (n node) value(path ...string) string {
	found, _ := n.find(path...)
	return found.Text
}

func (n node) all(name string) (out []node) {
	for _, c := range n.Children {
		if c.XMLName.Local == name {
			out = append(out, c)
		}
	}
	return out
}

func (n node) values(name string, path ...string) string {
	var out []string
	for _, r := range n.all(name) {
		out = append(out, r.value(path...))
	}
	return strings.Join(out, "|")
}

// fuel is the header of a token, named of a user's name and password.
func fuel(token string) string {
	return `<fueloauth xmlns="http://exacttarget.com">` + token + `</fueloauth>`
}

func named(username, password string) string {
	return `<Security xmlns="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><UsernameToken><Username>` + username + `</Username><Password>` + password + `</Password></UsernameToken></Security>`
}

// soap calls the API and gives the message element, or the Fault.
func (s site) soap(t *testing.T, header, action, body string) node {
	t.Helper()
	text := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body>` + body + `</Body><Header>` + header + `</Header></Envelope>`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/Service.asmx", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml")
	r.Header.Set("SOAPAction", action)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := xml.Unmarshal(raw, &root); err != nil {
		t.Fatalf("%d %s: %v", res.StatusCode, raw, err)
	}
	in, ok := root.find("Body")
	if !ok || len(in.Children) != 1 {
		t.Fatalf("%d %s", res.StatusCode, raw)
	}
	return in.Children[0]
}

const api = ` xmlns="http://exacttarget.com/wsdl/partnerAPI"`

func createUser(fields string) string {
	return `<CreateRequest` + api + `><Options/><Objects xsi:type="AccountUser">` + fields + `</Objects></CreateRequest>`
}

func updateUser(fields string) string {
	return `<UpdateRequest` + api + `><Objects xsi:type="AccountUser">` + fields + `</Objects></UpdateRequest>`
}

func retrieveOf(object, filter string, properties ...string) string {
	return `<RetrieveRequestMsg` + api + `><RetrieveRequest><ObjectType>` + object + `</ObjectType><Properties>` + strings.Join(properties, "</Properties><Properties>") + `</Properties>` + filter + `</RetrieveRequest></RetrieveRequestMsg>`
}

func whereEquals(property, value string) string {
	return `<Filter xsi:type="SimpleFilterPart"><Property>` + property + `</Property><SimpleOperator>equals</SimpleOperator><Value>` + value + `</Value></Filter>`
}

// written fails the test unless the answer is one result of that status, and gives it.
func written(t *testing.T, answer node, status, message string) node {
	t.Helper()
	results := answer.all("Results")
	if len(results) != 1 || results[0].value("StatusCode") != status || !strings.Contains(results[0].value("StatusMessage"), message) || answer.value("OverallStatus") != status {
		t.Fatalf("want %s %q, got %+v", status, message, answer)
	}
	return results[0]
}

// each runs the test on a house of its own on each kind of database, with a tenant whose server package may write users.
func each(t *testing.T, test func(*testing.T, site, tenanttest.House)) {
	t.Helper()
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqldbtest.DSN(t, kind))
			h := spec()
			h.Spec.Packages[0].Scopes = append(h.Spec.Packages[0].Scopes, "users_read", "users_write", "accounts_read", "accounts_write", "marketing_cloud_connect_write", "data_extensions_write", "list_and_subscribers_write")
			if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
				t.Fatal(err)
			}
			test(t, s, h)
		})
	}
}

// TestUsersBySOAP walks an API user's life as administrators' scripts make it: the steps of connect-facts 1.5 and 1.6.
func TestUsersBySOAP(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		admin := named(h.API, tenanttest.Password) // who assigns the administrators' roles must be one
		name := "mc-api-user@" + h.Server
		missing := written(t, s.soap(t, admin, "Create", createUser(`<UserID>`+name+`</UserID><Name>API</Name>`)), "Error", "Name, Email, UserID, and Password are required fields when creating a new user.")
		if missing.value("ErrorCode") != "11003" {
			t.Errorf("missing fields: %+v", missing)
		}
		made := written(t, s.soap(t, admin, "Create", createUser(`<UserID>`+name+`</UserID><Name>MC API User</Name><Email>api@example.com</Email><Password>a long password 1</Password><IsAPIUser>true</IsAPIUser>
			<UserPermissions><ID>31</ID></UserPermissions><UserPermissions><ID>23</ID></UserPermissions><Roles><Role><CustomerKey>SYS_DEF_IMHADMIN</CustomerKey></Role></Roles>`)), "OK", "Account User Updated / Created")
		id := made.value("Object", "ID")
		if id == "" || made.value("NewID") != "0" || made.value("Object", "Client", "ID") != strconv.FormatInt(int64(h.EID), 10) || strings.Contains(fmt.Sprint(made), "a long password") {
			t.Errorf("created: %+v", made)
		}
		// The caches were told: the new user calls at once, with his own rights.
		self := named(name, "a long password 1")
		got := s.soap(t, self, "Retrieve", retrieveOf("AccountUser", whereEquals("UserID", name), "ID", "IsAPIUser", "MustChangePassword", "UserPermissions", "Roles", "DefaultBusinessUnit"))
		rows := got.all("Results")
		if got.value("OverallStatus") != "OK" || len(rows) != 1 {
			t.Fatalf("the new user reads itself: %+v", got)
		}
		roles, _ := rows[0].find("Roles")
		if rows[0].value("ID") != id || rows[0].value("IsAPIUser") != "true" || rows[0].value("MustChangePassword") != "false" || rows[0].values("UserPermissions", "ID") != "23" ||
			roles.values("Role", "CustomerKey") == "" || roles.values("Role", "Name") != "Administrator|Marketing Cloud Administrator|Individual role for "+id {
			t.Errorf("retrieved: %+v", rows[0])
		}
		// Update by number, by key and by name; a role goes by its ObjectID, as mcdev takes it (engagement-wire 5).
		admins := s.soap(t, admin, "Retrieve", retrieveOf("Role", whereEquals("CustomerKey", "SYS_DEF_ADMIN"), "ObjectID", "Name", "PermissionSets", "IsPrivate")).all("Results")[0]
		sets, _ := admins.find("PermissionSets")
		if !strings.Contains(sets.values("PermissionSet", "Name"), "Email") || admins.value("IsPrivate") != "false" {
			t.Errorf("role: %+v", admins)
		}
		written(t, s.soap(t, admin, "Update", updateUser(`<AccountUserID>`+id+`</AccountUserID><Name>Renamed</Name><Roles><Role><ObjectID>`+admins.value("ObjectID")+`</ObjectID><Name>Administrator</Name><AssignmentConfigurations><AssignmentConfiguration><AccountUserId>`+id+
			`</AccountUserId><AssignmentConfigureType>RoleUser</AssignmentConfigureType><IsDelete>true</IsDelete></AssignmentConfiguration></AssignmentConfigurations></Role></Roles><UserPermissions><ID>23</ID><Delete>1</Delete></UserPermissions>`)), "OK", "Account User")
		rows = s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", whereEquals("ID", id), "Name", "Roles", "UserPermissions")).all("Results")
		roles, _ = rows[0].find("Roles")
		if rows[0].value("Name") != "Renamed" || roles.values("Role", "Name") != "Marketing Cloud Administrator|Individual role for "+id || len(rows[0].all("UserPermissions")) != 0 {
			t.Errorf("after the update: %+v", rows[0])
		}
		// Salesforce.com Status: set and cleared.
		for _, status := range []string{"sender@crm.example", ""} {
			written(t, s.soap(t, admin, "Update", updateUser(`<CustomerKey>`+name+`</CustomerKey><SalesforceUsername>`+status+`</SalesforceUsername>`)), "OK", "")
			rows = s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", whereEquals("UserID", strings.ToUpper(name)), "SalesforceUsername")).all("Results")
			if len(rows) != 1 || rows[0].value("SalesforceUsername") != status {
				t.Errorf("Salesforce.com Status %q: %+v", status, rows)
			}
		}
		// A disabled user is out at once, and back at once.
		for _, active := range []string{"false", "true"} {
			written(t, s.soap(t, admin, "Update", updateUser(`<UserID>`+name+`</UserID><ActiveFlag>`+active+`</ActiveFlag>`)), "OK", "")
			fault := s.soap(t, self, "Retrieve", retrieveOf("Role", "", "Name")).value("faultstring")
			if (fault == "Login Failed") != (active == "false") {
				t.Errorf("ActiveFlag %s: %q", active, fault)
			}
		}
		// What he had before is gone for good, refresh tokens that outlive a log-out too: a thief has nothing when he is back.
		token := s.signIn(t, h, h.Sender)
		for _, active := range []string{"false", "true"} {
			if !s.alive(t, token) && active == "false" {
				t.Error("a fresh token is dead")
			}
			written(t, s.soap(t, admin, "Update", updateUser(`<UserID>`+h.Sender+`</UserID><ActiveFlag>`+active+`</ActiveFlag>`)), "OK", "")
		}
		if s.alive(t, token) {
			t.Error("a token came back with its user")
		}
		if !s.alive(t, s.signIn(t, h, h.Sender)) {
			t.Error("the user does not come back")
		}
		// A new password ends the old one.
		written(t, s.soap(t, admin, "Update", updateUser(`<UserID>`+name+`</UserID><Password>another password 2</Password>`)), "OK", "")
		if f := s.soap(t, self, "Retrieve", retrieveOf("Role", "", "Name")).value("faultstring"); f != "Login Failed" {
			t.Errorf("the old password still opens: %q", f)
		}
		if f := s.soap(t, named(name, "another password 2"), "Retrieve", retrieveOf("Role", "", "Name")).value("OverallStatus"); f != "OK" {
			t.Errorf("the new password does not open: %q", f)
		}
	})
}

// TestUserRefusals: what is refused changes nothing, and says so in the documented form.
func TestUserRefusals(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		other := spec()
		if err := s.CreateTenant(t.Context(), other.Spec); err != nil {
			t.Fatal(err)
		}
		admin := fuel(s.token(t, h))
		whole := `<Name>N</Name><Email>n@example.com</Email><Password>long enough 1</Password>`
		for name, c := range map[string]struct{ body, code, message string }{
			"name of another tenant": {`<UserID>` + other.API + `</UserID>` + whole, "11004", "The user name is taken."},
			"short password":         {`<UserID>new.one</UserID><Name>N</Name><Email>n@example.com</Email><Password>short</Password>`, "11000", "at least 8"},
			"bad email":              {`<UserID>new.one</UserID><Name>N</Name><Email>nobody</Email><Password>long enough 1</Password>`, "11000", "email"},
			"unknown role":           {`<UserID>` + h.API + `</UserID><Roles><Role><CustomerKey>NONE</CustomerKey></Role></Roles>`, "11000", "NONE"},
			"unknown permission":     {`<UserID>` + h.API + `</UserID><UserPermissions><ID>999</ID></UserPermissions>`, "11000", "999"},
			"other tenant's unit":    {`<UserID>` + h.Sender + `</UserID><DefaultBusinessUnit>` + strconv.FormatInt(int64(other.EID), 10) + `</DefaultBusinessUnit>`, "11000", "business unit"},
			"no such number":         {`<ID>99999999</ID><Name>N</Name>`, "11000", "no user"},
			"neither true nor false": {`<UserID>` + h.API + `</UserID><ActiveFlag>maybe</ActiveFlag>`, "11000", "neither"},
		} {
			res := written(t, s.soap(t, admin, "Create", createUser(c.body)), "Error", c.message)
			if res.value("ErrorCode") != c.code {
				t.Errorf("%s: %+v", name, res)
			}
		}
		// Commands find users by their keys, so one belongs to one.
		sender := s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", whereEquals("UserID", h.Sender), "ID")).all("Results")[0].value("ID")
		if res := written(t, s.soap(t, admin, "Update", updateUser(`<ID>`+sender+`</ID><CustomerKey>`+strings.ToUpper(h.Analyst)+`</CustomerKey>`)), "Error", "The customer key is taken."); res.value("ErrorCode") != "11004" {
			t.Errorf("another's key: %+v", res)
		}
		// A token without the scope, a user without the permission.
		weak := s.soap(t, named(h.Temporary, tenanttest.Password), "Update", updateUser(`<UserID>`+h.API+`</UserID><Name>X</Name>`))
		if weak.value("faultstring") != "Login Failed" {
			t.Errorf("a temporary password: %+v", weak)
		}
		poor := fuel(s.token(t, other))
		if res := written(t, s.soap(t, poor, "Update", updateUser(`<UserID>`+other.API+`</UserID><Name>X</Name>`)), "Error", "API Permission Failed."); res.value("ErrorCode") != "11" {
			t.Errorf("without the scope: %+v", res)
		}
		// Of two equal elements nobody knows which counts.
		if _, err := strconv.Atoi(s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", whereEquals("UserID", h.API), "ID")).all("Results")[0].value("ID")); err != nil {
			t.Error(err)
		}
	})
}

// TestConfigureUnits: business units are given and taken (engagement-wire 9.3), and AccountUserAccount shows them.
func TestConfigureUnits(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		admin := fuel(s.token(t, h))
		local := s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", whereEquals("UserID", h.Local)+"<QueryAllAccounts>true</QueryAllAccounts>", "AccountUserID")).all("Results")[0].value("AccountUserID")
		south := strconv.FormatInt(int64(h.South), 10)
		configure := func(mid, remove string) node {
			return s.soap(t, admin, "Configure", `<ConfigureRequestMsg`+api+`><Options/><Action>assign</Action><Configurations><Configuration xsi:type="AccountUser"><Client><ID>`+strconv.FormatInt(int64(h.EID), 10)+`</ID></Client><ID>`+local+
				`</ID><BusinessUnitAssignmentConfiguration><BusinessUnitIds><BusinessUnitId>`+mid+`</BusinessUnitId></BusinessUnitIds><IsDelete>`+remove+`</IsDelete></BusinessUnitAssignmentConfiguration></Configuration></Configurations></ConfigureRequestMsg>`)
		}
		units := func() string {
			return s.soap(t, admin, "Retrieve", retrieveOf("AccountUserAccount", whereEquals("AccountUser.AccountUserID", local)+"<QueryAllAccounts>true</QueryAllAccounts>", "AccountUser.AccountUserID", "Account.ID")).values("Results", "Account", "ID")
		}
		got := configure(south, "false")
		res, _ := got.find("Results", "Result")
		if got.value("OverallStatus") != "OK" || res.value("StatusMessage") != "User Business Unit assignments successfully updated" || res.value("Object", "ID") != local ||
			res.value("Object", "BusinessUnitAssignmentConfiguration", "BusinessUnitIds", "BusinessUnitId") != south {
			t.Errorf("configure: %+v", got)
		}
		if !strings.Contains(units(), south) {
			t.Errorf("units: %s", units())
		}
		configure(south, "true")
		if strings.Contains(units(), south) {
			t.Errorf("units: %s", units())
		}
		// It is done in the unit that Client.ID names, which must be one.
		elsewhere := strings.Replace(configureUnits(h.Local, south, "false"), "<Options/>", "<Options><Client><ID>999</ID></Client></Options>", 1)
		if got := s.soap(t, admin, "Configure", elsewhere); got.value("OverallStatus") != "Error" || strings.Contains(units(), south) {
			t.Errorf("in a unit that is not there: %+v", got)
		}
		if got := configure(strconv.FormatInt(int64(h.North), 10), "true"); got.value("OverallStatus") != "Error" {
			t.Errorf("the default unit was taken away: %+v", got)
		}
		sets := s.soap(t, admin, "Retrieve", retrieveOf("PermissionSet", "", "Name", "Permissions"))
		if !strings.Contains(sets.values("Results", "Name"), "Email") || sets.value("OverallStatus") != "OK" {
			t.Errorf("permission sets: %+v", sets)
		}
	})
}

// TestNobodyGivesMoreThanHeHas: a package that may write users makes nobody an administrator and does not become one.
func TestNobodyGivesMoreThanHeHas(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		pkg, admin := fuel(s.token(t, h)), named(h.API, tenanttest.Password)
		made := func(name, more string) string {
			return `<UserID>` + name + h.Server + `</UserID><Name>Someone</Name><Email>someone@example.com</Email><Password>a long password 1</Password>` + more
		}
		role := func(key string) string {
			return `<Roles><Role><CustomerKey>` + key + `</CustomerKey></Role></Roles>`
		}
		for name, c := range map[string]struct {
			who, body string
			good      bool
		}{
			"an administrator":                              {pkg, createUser(made("a@", role("SYS_DEF_ADMIN"))), false},
			"by number":                                     {pkg, createUser(made("b@", `<UserPermissions><ID>31</ID></UserPermissions>`)), false},
			"a Marketing Cloud Administrator":               {pkg, createUser(made("c@", role("SYS_DEF_IMHADMIN"))), false},
			"a Security Administrator, all of which it has": {pkg, createUser(made("d@", role("SYS_DEF_IMHSECURITY"))), true},
			"an administrator by one":                       {admin, createUser(made("e@", role("SYS_DEF_ADMIN"))), true},
			"a Content Creator":                             {pkg, createUser(made("f@", role("SYS_DEF_CONTENT"))), true},
			"a Data Manager":                                {pkg, createUser(made("g@", role("SYS_DEF_DATA"))), true},
			"an administrator's password":                   {pkg, updateUser(`<UserID>` + h.Admin + `</UserID><Password>a long password 2</Password>`), false},
			"an administrator's address":                    {pkg, updateUser(`<UserID>` + h.Admin + `</UserID><Email>mine@example.com</Email>`), false},
			"an administrator shut out":                     {pkg, updateUser(`<UserID>` + h.Admin + `</UserID><ActiveFlag>false</ActiveFlag>`), false},
			"an administrator's unit moved":                 {pkg, updateUser(`<UserID>` + h.Admin + `</UserID><DefaultBusinessUnit>` + number(h.North) + `</DefaultBusinessUnit>`), false},
			"an administrator's role taken":                 {pkg, updateUser(`<UserID>` + h.Admin + `</UserID>` + strings.Replace(role("SYS_DEF_ADMIN"), "</Role>", "<AssignmentConfigurations><AssignmentConfiguration><AssignmentConfigureType>RoleUser</AssignmentConfigureType><IsDelete>true</IsDelete></AssignmentConfiguration></AssignmentConfigurations></Role>", 1)), false},
			"an administrator's CRM name":                   {pkg, updateUser(`<UserID>` + h.Admin + `</UserID><SalesforceUsername>x@crm.example</SalesforceUsername>`), false},
			"an administrator's key":                        {pkg, updateUser(`<UserID>` + h.Admin + `</UserID><CustomerKey>mine</CustomerKey>`), false},
			"a sender's CRM name":                           {pkg, updateUser(`<UserID>` + h.Sender + `</UserID><SalesforceUsername>x@crm.example</SalesforceUsername>`), true},
			"an analyst's password":                         {pkg, updateUser(`<UserID>` + h.Analyst + `</UserID><Password>a long password 2</Password>`), true},
			"an administrator's by one":                     {admin, updateUser(`<UserID>` + h.Admin + `</UserID><Email>new@example.com</Email>`), true},
		} {
			answer := s.soap(t, c.who, "Create", c.body)
			if good := answer.value("OverallStatus") == "OK"; good != c.good || !good && answer.all("Results")[0].value("StatusMessage") != "API Permission Failed." {
				t.Errorf("%s: %+v", name, answer)
			}
		}
		if status, _ := call(t, "GET", s.url+"/v2/userinfo", s.token(t, h), nil); status != 200 {
			t.Error("the package is out")
		}
	})
}
