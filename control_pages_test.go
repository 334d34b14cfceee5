package twinspan_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/ui/uitest"
)

// The pages of the control surface are protected as its API is, and neither lets in by what the other asks for.
func TestWorkbench(t *testing.T) {
	t.Parallel()
	conf := freePorts("")
	conf.Ephemeral, conf.Fixture = true, twinspan.FixtureNewOrg
	p := start(t, conf)
	r := p.Ready()
	operator := uitest.New(t, r.Control.URL)
	operator.Open(p.WorkbenchLink()).Press("Open the workbench").Sees("Signed in as the operator")
	if operator.Open("/mail").Status() != http.StatusUnauthorized {
		t.Errorf("the API took a cookie: %d", operator.Status())
	}
	stranger := uitest.New(t, r.Control.URL)
	for _, token := range []string{"", r.Connect.APIToken, r.CRM.Admin.Password} {
		stranger.Open("/").Fill("Control token", token).Press("Sign in").Sees("This is no token of the control API.")
	}
	stranger.Fill("Control token", r.Control.Token).Press("Sign in").Sees("Signed in as the operator")

	t.Run("the console leads there", func(t *testing.T) {
		link, err := p.ConsoleLink(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		admin := uitest.New(t, r.Connect.URL)
		admin.Open(link).Press("Open the console").Click("Workbench: inbox, requests, faults, clock, pairs")
		if !strings.HasPrefix(admin.At(), r.Control.URL+"/workbench") {
			t.Errorf("it led to %s", admin.At())
		}
	})

	t.Run("each house says who called", func(t *testing.T) {
		user := r.CRM.Users[0]
		if _, err := signIn(t, r, user).Query(bounded(t), "SELECT Id FROM User LIMIT 1"); err != nil {
			t.Fatal(err)
		}
		tenant := uitest.New(t, strings.TrimSuffix(r.Engagement.AuthURL, "/"))
		tenant.Open("/").Fill("User name", r.Engagement.Admin.Username).Fill("Password", r.Engagement.Admin.Password).Press("Login").Open("/cloud/setup/users")
		_, _ = status(t, r)
		for who, want := range map[string]string{user.Username: "GET /services/data", r.Engagement.Admin.Username: "GET /cloud/setup/users", "API": "GET /api/v1"} {
			operator.Open("/workbench/requests").Fill("User or app", who).Press("Show").Sees(want)
		}
	})

	t.Run("faults by the API and by a page", func(t *testing.T) {
		call := func(method, path, body string, want int) string {
			status, text := raw(t, r, r.Control.Token, method, path, "application/json", body)
			if status != want {
				t.Fatalf("%s %s: %d, want %d\n%s", method, path, status, want, text)
			}
			return text
		}
		call("POST", "/faults", `{"house":"crm","path":"/nothing","latency":"soon"}`, http.StatusBadRequest)
		call("POST", "/faults", `{"house":"crm","weather":"bad"}`, http.StatusBadRequest)
		call("POST", "/faults", `{"house":"crm","path":"/services/data","status":503,"latency":"1ms","times":9}`, http.StatusCreated)
		operator.Open("/workbench/faults").Sees("a delay of 1ms, then status 503", "Org /services/data")
		res, err := http.Get(r.CRM.URL + "/services/data")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if text := call("GET", "/faults", "", http.StatusOK); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, `"latency":"1ms","times":9,"matched":1,"struck":1`) {
			t.Errorf("%d\n%s", res.StatusCode, text)
		}
		call("DELETE", "/faults/1", "", http.StatusNoContent)
		call("DELETE", "/faults/1", "", http.StatusNotFound)
		operator.Open("/workbench/faults").Fill("Path", "/services/data").Fill("Status", "500").Press("Set the fault").Sees("status 500")
		if text := call("DELETE", "/faults", "", http.StatusOK); !strings.Contains(text, `"ended":1`) {
			t.Error(text)
		}
	})

	t.Run("a pair with its clock", func(t *testing.T) {
		operator.Open("/workbench/pairs").Fill("Managed package", "999").Press("Make the pair").Sees("Error:")
		operator.Open("/workbench/pairs").Choose("Fixture", "new-org").Choose("Account type", "core").Press("Make the pair").Sees("The pair is made", `"password"`)
		operator.Click("All pairs").ClickIn("core", "Clock").Fill("By", "12h").Press("Move").Sees("The clock is moved", "12h0m0s")
		operator.Open("/workbench/clock").Sees("not at all")
		operator.Open("/workbench/pairs").ClickIn("core", "Delete").Press("Delete the pair").Sees("The pair is deleted").SeesNot("new-org core")
	})

	t.Run("a password is reset by its letter", func(t *testing.T) {
		user := r.CRM.Users[0]
		ann := uitest.New(t, r.CRM.URL)
		ann.Open("/login").Click("Forgot Your Password?").Fill("Username", user.Username).Press("Continue")
		letters, err := controlOf(t, r).Mails(bounded(t), control.MailQuery{Wait: 20 * time.Second})
		if err != nil || len(letters) != 1 {
			t.Fatalf("%+v, %v", letters, err)
		}
		operator.Open("/workbench/inbox").Fill("Search letters", "password noreply").Press("Search").Click(letters[0].Subject).Sees("Links in the letter")
		_, link, _ := strings.Cut(operator.Text(), "Links in the letter ")
		ann.Open(strings.Fields(link)[0]).Fill("New Password", "a-new-Passw0rd").Fill("Confirm New Password", "a-new-Passw0rd").Press("Change Password").Sees("Your password is set.")
	})
}
