package engagement_test

import (
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
		// Other people's sessions.
		if status, _ := call(t, "GET", s.url+"/v2/sessions?username="+h.Analyst, s.token(t, h), nil); status != 200 {
			t.Errorf("sessions, from the top: %d", status)
		}
	})
}
