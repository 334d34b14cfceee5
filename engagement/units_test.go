package engagement_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

func number[N tenant.MID | tenant.EID](n N) string { return strconv.FormatInt(int64(n), 10) }

// tokenIn is the server package's token in the business unit; "" where it is refused.
func (s site) tokenIn(t *testing.T, client, secret string, mid tenant.MID) string {
	t.Helper()
	_, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": client, "client_secret": secret, "account_id": int64(mid)})
	token, _ := a["access_token"].(string)
	return token
}

func configureUnits(user, mid, remove string) string {
	return `<ConfigureRequestMsg` + api + `><Options/><Action>assign</Action><Configurations><Configuration xsi:type="AccountUser"><UserID>` + user +
		`</UserID><BusinessUnitAssignmentConfiguration><BusinessUnitIds><BusinessUnitId>` + mid + `</BusinessUnitId></BusinessUnitIds><IsDelete>` + remove + `</IsDelete></BusinessUnitAssignmentConfiguration></Configuration></Configurations></ConfigureRequestMsg>`
}

// TestChildUnitConfines: whose calls run in a child unit stays there, administrator or package (engagement-wire 5, "choose
// a child default to confine it"): he moves nobody, himself least of all, and changes nothing of the tenant.
func TestChildUnitConfines(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		top, north, south := number(h.EID), number(h.North), number(h.South)
		admin := named(h.API, tenanttest.Password)
		own, mate := "confined@"+h.Server, "mate@"+h.Server
		for _, name := range []string{own, mate} {
			written(t, s.soap(t, admin, "Create", createUser(`<UserID>`+name+`</UserID><Name>N</Name><Email>n@example.com</Email><Password>a long password 1</Password><IsAPIUser>true</IsAPIUser><DefaultBusinessUnit>`+north+
				`</DefaultBusinessUnit><Roles><Role><CustomerKey>SYS_DEF_ADMIN</CustomerKey></Role><Role><CustomerKey>SYS_DEF_IMHADMIN</CustomerKey></Role></Roles>`)), "OK", "")
		}
		pkg := s.tokenIn(t, h.Server, tenanttest.ServerSecret, h.North)
		for who, header := range map[string]string{"an administrator": named(own, "a long password 1"), "a package": fuel(pkg)} {
			for name, body := range map[string]string{
				"his own default":        updateUser(`<UserID>` + own + `</UserID><DefaultBusinessUnit>` + top + `</DefaultBusinessUnit>`),
				"a sister unit":          updateUser(`<UserID>` + own + `</UserID><DefaultBusinessUnit>` + south + `</DefaultBusinessUnit>`),
				"his own units":          configureUnits(own, top, "false"),
				"a new user at the top":  createUser(`<UserID>new@` + h.Server + `</UserID><Name>N</Name><Email>n@example.com</Email><Password>a long password 1</Password><DefaultBusinessUnit>` + top + `</DefaultBusinessUnit>`),
				"a password at the top":  updateUser(`<UserID>` + h.Admin + `</UserID><Password>a long password 9</Password>`),
				"a role at the top":      updateUser(`<UserID>` + h.Analyst + `</UserID><Roles><Role><CustomerKey>SYS_DEF_CONTENT</CustomerKey></Role></Roles>`),
				"a unit of somebody":     configureUnits(h.Local, south, "false"),
				"the default of the top": updateUser(`<UserID>` + h.API + `</UserID><DefaultBusinessUnit>` + north + `</DefaultBusinessUnit>`),
				"a role of the tenant":   `<CreateRequest` + api + `><Objects xsi:type="Role"><Name>R</Name></Objects></CreateRequest>`,
			} {
				action := "Update"
				if strings.Contains(body, "ConfigureRequestMsg") {
					action = "Configure"
				}
				if got := s.soap(t, header, action, body); got.value("OverallStatus") != "Error" {
					t.Errorf("%s, %s: %+v", who, name, got)
				}
			}
		}
		// What lies within the unit goes on: a new user, who works there alone, and a colleague.
		self := named(own, "a long password 1")
		written(t, s.soap(t, self, "Create", createUser(`<UserID>here@`+h.Server+`</UserID><Name>N</Name><Email>n@example.com</Email><Password>a long password 1</Password>`)), "OK", "")
		written(t, s.soap(t, self, "Update", updateUser(`<UserID>`+mate+`</UserID><Name>Renamed</Name><Password>a long password 2</Password>`)), "OK", "")
		units := s.soap(t, admin, "Retrieve", retrieveOf("AccountUserAccount", "<QueryAllAccounts>true</QueryAllAccounts>", "AccountUser.AccountUserID", "Account.ID"))
		id := s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", whereEquals("UserID", "here@"+h.Server)+"<QueryAllAccounts>true</QueryAllAccounts>", "ID")).all("Results")[0].value("ID")
		for _, row := range units.all("Results") {
			if row.value("AccountUser", "AccountUserID") == id && row.value("Account", "ID") != north {
				t.Errorf("the new user works in %s", row.value("Account", "ID"))
			}
		}
		// Setup's settings are the tenant's, and so are packages that reach further.
		if status, a := call(t, http.MethodPatch, s.url+"/v2/settings", pkg, map[string]any{"lockout_after": 10}); status != 403 {
			t.Errorf("settings: %d %v", status, a)
		}
		if status, a := call(t, "POST", s.url+"/v2/packages/"+h.Server+"/secret", pkg, nil); status != 403 {
			t.Errorf("the secret of a package of all units: %d %v", status, a)
		}
		for _, mid := range []int64{int64(h.EID), int64(h.South)} {
			if status, a := call(t, "POST", s.url+"/v2/packages", pkg, map[string]any{"name": "Out", "type": "server", "scopes": []string{"email_read"}, "mid": mid}); status != 403 {
				t.Errorf("a package in %d: %d %v", mid, status, a)
			}
		}
		status, a := call(t, "POST", s.url+"/v2/packages", pkg, map[string]any{"name": "In", "type": "server", "scopes": []string{"email_read"}})
		client, _ := a["client_id"].(string)
		secret, _ := a["client_secret"].(string)
		if status != 200 || s.tokenIn(t, client, secret, h.North) == "" || s.tokenIn(t, client, secret, tenant.MID(h.EID)) != "" || s.tokenIn(t, client, secret, h.South) != "" {
			t.Errorf("a package of its own unit: %d %v", status, a)
		}
		// Other people's grants and sessions.
		if got := s.status(t, "GET", "/v2/grants?client_id="+h.Connect, pkg); got != 403 {
			t.Errorf("grants of the connection: %d", got)
		}
		s.signIn(t, h, h.API)
		if got := s.status(t, "DELETE", "/v2/grants/"+h.API+"?client_id="+h.Connect, pkg); got != 403 {
			t.Errorf("the API user's grant, cleared from a child unit: %d", got)
		}
		if got := s.status(t, "GET", "/v2/grants?client_id="+h.Connect, s.token(t, h)); got != 200 {
			t.Errorf("grants of the connection, from the top: %d", got)
		}
		status, a = call(t, "GET", s.url+"/v2/sessions?username="+h.API, s.token(t, h), nil)
		items, _ := a["items"].([]any)
		if status != 200 || len(items) == 0 {
			t.Fatalf("sessions, from the top: %d %v", status, a)
		}
		session, _ := items[0].(map[string]any)["id"].(string)
		if got := s.status(t, "DELETE", "/v2/sessions/"+session, pkg); got != 403 && got != 404 {
			t.Errorf("a session of somebody who works elsewhere too, ended from a child unit: %d", got)
		}
		if got := s.status(t, "DELETE", "/v2/sessions/"+session, s.token(t, h)); got != 204 {
			t.Errorf("from the top: %d", got)
		}
	})
}

// TestPackagesKeepTheirUnits: a package that may work in some business units goes nowhere else by SOAP either, whichever way
// a request names one (engagement-wire 2.7, "per-BU access list").
func TestPackagesKeepTheirUnits(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		status, a := call(t, "POST", s.url+"/v2/packages", s.token(t, h), map[string]any{
			"name": "Two units", "type": "server", "scopes": []string{"email_read", "list_and_subscribers_write", "users_read", "users_write"}, "mids": []int64{int64(h.EID), int64(h.North)},
		})
		client, _ := a["client_id"].(string)
		secret, _ := a["client_secret"].(string)
		if status != 200 || len(a["mids"].([]any)) != 2 || s.tokenIn(t, client, secret, h.South) != "" {
			t.Fatalf("the package: %d %v", status, a)
		}
		header := fuel(s.tokenIn(t, client, secret, tenant.MID(h.EID)))
		list := func(mid tenant.MID) string {
			return s.soap(t, header, "Create", `<CreateRequest`+api+`><Objects xsi:type="List"><Client><ID>`+number(mid)+`</ID></Client><ListName>L</ListName></Objects></CreateRequest>`).value("OverallStatus")
		}
		if list(h.North) != "OK" || list(h.South) != "Error" {
			t.Errorf("lists: %s in its own unit, %s in another", list(h.North), list(h.South))
		}
		all := s.soap(t, header, "Retrieve", retrieveOf("BusinessUnit", "<QueryAllAccounts>true</QueryAllAccounts>", "ID"))
		if got := all.values("Results", "ID"); !strings.Contains(got, number(h.North)) || strings.Contains(got, number(h.South)) {
			t.Errorf("all accounts: %s", got)
		}
		for mid, want := range map[tenant.MID]string{h.North: "OK", h.South: "Error: API Permission Failed."} {
			if got := s.soap(t, header, "Retrieve", retrieveOf("BusinessUnit", "<ClientIDs><ID>"+number(mid)+"</ID></ClientIDs>", "ID")).value("OverallStatus"); got != want {
				t.Errorf("ClientIDs %d: %s", mid, got)
			}
		}
		// Whom it makes goes no further, and it lets nobody out.
		for body, want := range map[string]string{
			createUser(`<UserID>low@` + h.Server + `</UserID><Name>N</Name><Email>n@example.com</Email><Password>a long password 1</Password><DefaultBusinessUnit>` + number(h.North) + `</DefaultBusinessUnit>`): "OK",
			createUser(`<UserID>high@` + h.Server + `</UserID><Name>N</Name><Email>n@example.com</Email><Password>a long password 1</Password>`):                                                                  "Error",
			updateUser(`<UserID>` + h.Analyst + `</UserID><Password>a long password 1</Password>`):                                                                                                                "Error",
		} {
			if got := s.soap(t, header, "Create", body); got.value("OverallStatus") != want {
				t.Errorf("%s: %+v", body, got)
			}
		}
	})
}

// TestRolesInUnits: roles are given in a business unit, to everybody or to one user, and what is denied there is denied to
// whoever acts there, from the top too (engagement-wire 5: "BU-level deny overrides").
func TestRolesInUnits(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		north, south := number(h.North), number(h.South)
		token, admin := s.token(t, h), named(h.API, tenanttest.Password)
		path := func(mid string) string { return s.url + "/v2/business-units/" + mid + "/roles" }
		written(t, s.soap(t, admin, "Create", `<CreateRequest`+api+`><Objects xsi:type="Role"><CustomerKey>no-lists</CustomerKey><Name>No lists</Name><PermissionSets><PermissionSet><Name>ListAndSubscribers</Name><IsDenied>true</IsDenied></PermissionSet></PermissionSets></Objects></CreateRequest>`), "OK", "")
		list := func(header, mid string) string {
			return s.soap(t, header, "Create", `<CreateRequest`+api+`><Objects xsi:type="List"><Client><ID>`+mid+`</ID></Client><ListName>L</ListName></Objects></CreateRequest>`).value("OverallStatus")
		}
		if status, a := call(t, "POST", path(south), token, map[string]any{"role": "no-lists"}); status != 200 || a["role"] != "no-lists" || a["username"] != nil {
			t.Fatalf("to everybody: %d %v", status, a)
		}
		if list(admin, north) != "OK" || list(admin, south) != "Error" || list(admin, number(h.EID)) != "OK" {
			t.Errorf("a denial in a unit: north %s, south %s, top %s", list(admin, north), list(admin, south), list(admin, number(h.EID)))
		}
		status, a := call(t, "GET", path(south), token, nil)
		if items, _ := a["items"].([]any); status != 200 || len(items) != 1 || items[0].(map[string]any)["name"] != "No lists" {
			t.Errorf("listed: %d %v", status, a)
		}
		s.empty(t, "DELETE", path(south)+"?role=no-lists", token)
		if list(admin, south) != "OK" {
			t.Error("taken back, it denies")
		}
		if status, a := call(t, "DELETE", path(south)+"?role=no-lists", token, nil); status != 404 {
			t.Errorf("taken back once more: %d %v", status, a)
		}
		// Each assignment of a role counts.
		both := `<Roles><Role><CustomerKey>SYS_DEF_ANALYST</CustomerKey><AssignmentConfigurations><AssignmentConfiguration><BusinessUnitId>` + north + `</BusinessUnitId></AssignmentConfiguration><AssignmentConfiguration><BusinessUnitId>` + south + `</BusinessUnitId></AssignmentConfiguration></AssignmentConfigurations></Role></Roles>`
		written(t, s.soap(t, admin, "Update", updateUser(`<UserID>`+h.Sender+`</UserID>`+both)), "OK", "")
		for _, mid := range []string{north, south} {
			if _, a := call(t, "GET", path(mid), token, nil); !strings.Contains(text(t, a), "SYS_DEF_ANALYST") {
				t.Errorf("in %s: %v", mid, a)
			}
		}
		// Whoever is an administrator in one unit alone makes none for the whole enterprise.
		local := "local-admin@" + h.Server
		written(t, s.soap(t, admin, "Create", createUser(`<UserID>`+local+`</UserID><Name>N</Name><Email>n@example.com</Email><Password>a long password 1</Password><IsAPIUser>true</IsAPIUser><DefaultBusinessUnit>`+north+`</DefaultBusinessUnit>`+
			`<Roles><Role><CustomerKey>SYS_DEF_ADMIN</CustomerKey><AssignmentConfigurations><AssignmentConfiguration><BusinessUnitId>`+north+`</BusinessUnitId></AssignmentConfiguration></AssignmentConfigurations></Role></Roles>`)), "OK", "")
		everywhere := createUser(`<UserID>friend@` + h.Server + `</UserID><Name>N</Name><Email>n@example.com</Email><Password>a long password 1</Password><Roles><Role><CustomerKey>SYS_DEF_ADMIN</CustomerKey></Role></Roles>`)
		if got := s.soap(t, named(local, "a long password 1"), "Create", everywhere); got.value("OverallStatus") != "Error" {
			t.Errorf("an administrator of one unit made one of all: %+v", got)
		}
		// One user, by SOAP; his other units, and others, are as they were.
		role := func(key, unit, remove string) string {
			return `<Roles><Role><CustomerKey>` + key + `</CustomerKey><AssignmentConfigurations><AssignmentConfiguration><BusinessUnitId>` + unit + `</BusinessUnitId><AssignmentConfigureType>RoleUser</AssignmentConfigureType><IsDelete>` + remove +
				`</IsDelete></AssignmentConfiguration></AssignmentConfigurations></Role></Roles>`
		}
		roles := func() string {
			row := s.soap(t, admin, "Retrieve", retrieveOf("AccountUser", whereEquals("UserID", h.Local)+"<QueryAllAccounts>true</QueryAllAccounts>", "ID", "Roles")).all("Results")[0]
			in, _ := row.find("Roles")
			var out []string
			for _, r := range in.all("Role") {
				out = append(out, r.value("Name")+" "+r.value("Client", "ID"))
			}
			return strings.Join(out, "|")
		}
		written(t, s.soap(t, admin, "Update", updateUser(`<UserID>`+h.Local+`</UserID>`+role("SYS_DEF_DATA", north, "false"))), "OK", "")
		if status, a := call(t, "POST", path(north), token, map[string]any{"role": "Analyst"}); status != 200 {
			t.Fatalf("to everybody: %d %v", status, a)
		}
		if got := roles(); !strings.Contains(got, "Content Creator "+number(h.EID)) || !strings.Contains(got, "Data Manager "+north) || !strings.Contains(got, "Analyst "+north) {
			t.Errorf("roles: %s", got)
		}
		grant := s.signIn(t, h, h.Local)
		_, info := call(t, "GET", s.url+"/v2/userinfo", grant, nil)
		for _, want := range []string{"ListAndSubscribers", "TrackingEvents"} {
			if !strings.Contains(text(t, info["permissions"]), want) {
				t.Errorf("the snapshot in the unit lacks %s: %v", want, info["permissions"])
			}
		}
		written(t, s.soap(t, admin, "Update", updateUser(`<UserID>`+h.Local+`</UserID>`+role("SYS_DEF_DATA", north, "true"))), "OK", "")
		if got := roles(); strings.Contains(got, "Data Manager") {
			t.Errorf("taken back: %s", got)
		}
		for name, c := range map[string]struct {
			url    string
			body   map[string]any
			status int
		}{
			"no such unit":            {path("1"), map[string]any{"role": "Analyst"}, 404},
			"no such role":            {path(north), map[string]any{"role": "Emperor"}, 404},
			"no such user":            {path(north), map[string]any{"role": "Analyst", "username": "nobody"}, 404},
			"no role":                 {path(north), map[string]any{}, 400},
			"more than the caller is": {path(north), map[string]any{"role": "Administrator"}, 403},
		} {
			if status, a := call(t, "POST", c.url, token, c.body); status != c.status {
				t.Errorf("%s: %d %v", name, status, a)
			}
		}
	})
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
