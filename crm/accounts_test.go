package crm_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/mail"
)

// outbox keeps what the org mails.
type outbox struct {
	mu   sync.Mutex
	sent []mail.Message
	// fail, where it is not nil, is what the mail server says of a message.
	fail func(mail.Message) error
	// settle waits until what is queued has been sent.
	settle func()
}

func (o *outbox) Send(_ context.Context, m mail.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		if err := o.fail(m); err != nil {
			return err
		}
	}
	o.sent = append(o.sent, m)
	return nil
}

// to lists the mails to an address, when all that is on its way has arrived.
func (o *outbox) to(address string) []mail.Message {
	o.settle()
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []mail.Message
	for _, m := range o.sent {
		if m.To.Email == address {
			out = append(out, m)
		}
	}
	return out
}

var (
	linkPattern  = regexp.MustCompile(`/secur/setpassword\.jsp\?code=\S+`)
	tokenPattern = regexp.MustCompile(`Security token \(case-sensitive\): (\S+)`)
)

// link is the path in the last mail to the address that has one.
func (o *outbox) link(t *testing.T, address string) string {
	t.Helper()
	link := ""
	for _, m := range o.to(address) {
		if l := linkPattern.FindString(m.Text); l != "" {
			link = l
		}
	}
	if link == "" {
		t.Fatalf("no link was mailed to %s", address)
	}
	return link
}

// token is the security token in the last mail to the address that has one.
func (o *outbox) token(t *testing.T, address string) string {
	t.Helper()
	token := ""
	for _, m := range o.to(address) {
		if found := tokenPattern.FindStringSubmatch(m.Text); found != nil {
			token = found[1]
		}
	}
	if token == "" {
		t.Fatalf("no security token was mailed to %s", address)
	}
	return token
}

// person is a browser.
type person struct {
	h      *house
	client *http.Client
}

func (h *house) person(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{h, &http.Client{Jar: jar}}
}

func (p *person) get(t *testing.T, path string) (int, string) {
	t.Helper()
	res, err := p.client.Get(p.h.url + path)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, res)
}

func (p *person) post(t *testing.T, path string, pairs ...string) (int, string) {
	t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	res, err := p.client.PostForm(p.h.url+path, v)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, res)
}

// signIn signs in on the page and returns what it leads to.
func (p *person) signIn(t *testing.T, username, password string) (int, string) {
	t.Helper()
	_, page := p.get(t, "/login")
	return p.post(t, "/login", "tx", between(page, `name="tx" value="`, `"`), "username", username, "pw", password)
}

// tryLogin is a SOAP login: "" where it is let in, else the fault's code.
func (h *house) tryLogin(t *testing.T, username, password string) (token, fault string) {
	t.Helper()
	_, answer := h.soap(t, "/services/Soap/u/50.0", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><login xmlns="urn:partner.soap.sforce.com"><username>`+
		username+`</username><password>`+escape(password)+`</password></login></e:Body></e:Envelope>`)
	if strings.Contains(answer, "<passwordExpired>true") {
		return between(answer, "<sessionId>", "</sessionId>"), "expired"
	}
	return between(answer, "<sessionId>", "</sessionId>"), between(answer, "<sf:exceptionCode>", "</sf:exceptionCode>")
}

func (h *house) wantLogin(t *testing.T, username, password, fault string) {
	t.Helper()
	if _, got := h.tryLogin(t, username, password); got != fault {
		t.Errorf("login of %s: %q, want %q", username, got, fault)
	}
}

// soapCall makes a call of the partner API with a session.
func (h *house) soapCall(t *testing.T, token, body string) (int, string) {
	t.Helper()
	return h.soap(t, "/services/Soap/u/50.0", `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader xmlns="urn:partner.soap.sforce.com"><sessionId>`+
		token+`</sessionId></SessionHeader></e:Header><e:Body>`+body+`</e:Body></e:Envelope>`)
}

// set changes settings by the Metadata API.
func (h *house) set(t *testing.T, kind, fields string) {
	t.Helper()
	name := strings.TrimSuffix(kind, "Settings")
	status, answer := h.metadata(t, h.admin, `<updateMetadata><metadata xsi:type="`+kind+`"><fullName>`+name+`</fullName>`+fields+`</metadata></updateMetadata>`)
	if status != 200 || !strings.Contains(answer, "<success>true</success>") {
		t.Fatalf("%s %s: %d %s", kind, fields, status, answer)
	}
}

// find is the records of a query, as JSON.
func (h *house) find(t *testing.T, soql string) string {
	t.Helper()
	status, answer := h.call(t, h.admin, "GET", data+"/query?q="+url.QueryEscape(soql), nil)
	if status != 200 {
		t.Fatalf("%s: %d %s", soql, status, answer)
	}
	return answer
}

// findID is the id in the one record of a query.
func (h *house) findID(t *testing.T, soql string) string {
	t.Helper()
	id := between(h.find(t, soql), `"Id":"`, `"`)
	if id == "" {
		t.Fatalf("%s finds nothing", soql)
	}
	return id
}

// newUser makes a user as document 004 says.
func (h *house) newUser(t *testing.T, name, profile string) (id, username, address string) {
	t.Helper()
	username = name + "@" + h.spec.MyDomain + ".example"
	address = name + "@mail." + h.spec.MyDomain + ".example"
	id = h.create(t, "User", map[string]any{
		"Username": username, "LastName": name, "Email": address, "Alias": name[:min(len(name), 8)], "TimeZoneSidKey": "America/Los_Angeles",
		"LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US",
		"ProfileId": h.findID(t, "SELECT Id FROM Profile WHERE Name = '"+profile+"' AND UserLicense.Name = 'Salesforce'"),
	})
	return id, username, address
}

// setByLink sets a password by the link that was mailed last.
func (h *house) setByLink(t *testing.T, address, password string) (int, string) {
	t.Helper()
	p := h.person(t)
	link := h.mails.link(t, address)
	status, page := p.get(t, link)
	if status != 200 {
		return status, page
	}
	return p.post(t, "/secur/setpassword.jsp", "code", between(page, `name="code" value="`, `"`), "new_password", password, "confirm_password", password)
}

// seed:api S004-01 S004-03 S004-06 S004-08 S004-09 S004-11 S004-12 S004-13 S004-14 S004-15 S004-16 S004-17
func TestANewUserIsMailedTheLinkToHisPassword(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		id, username, address := h.newUser(t, "integration", "System Administrator")
		h.wantLogin(t, username, "", "INVALID_LOGIN")
		link := h.mails.link(t, address)
		if got := h.find(t, "SELECT Id FROM User WHERE Id = '"+id+"'"); strings.Contains(got, "code=") {
			t.Errorf("the link can be queried: %s", got)
		}

		if status, page := h.setByLink(t, address, "short1"); status != 200 || !strings.Contains(page, "at least 8 characters") {
			t.Errorf("a short password: %d %s", status, page)
		}
		if status, page := h.setByLink(t, address, "onlyletters"); status != 200 || !strings.Contains(page, "mix of letters and numbers") {
			t.Errorf("a password without numbers: %d %s", status, page)
		}
		if status, page := h.setByLink(t, address, "first-pass-1"); status != 200 || !strings.Contains(page, "Your password is set") {
			t.Fatalf("setting the password: %d %s", status, page)
		}
		if status, _ := h.person(t).get(t, link); status != http.StatusGone {
			t.Errorf("the used link answers %d", status)
		}
		if status, _ := h.person(t).post(t, "/secur/setpassword.jsp", "code", link[strings.Index(link, "=")+1:], "new_password", "other-pass-1", "confirm_password", "other-pass-1"); status != http.StatusGone {
			t.Errorf("the used link sets a password: %d", status)
		}

		// User name, password and security token are what the connection is made with.
		h.wantLogin(t, username, "first-pass-1", "INVALID_LOGIN")
		token := h.mails.token(t, address)
		h.wantLogin(t, username, "first-pass-1"+token, "")
		h.wantLogin(t, username, "first-pass-1"+strings.ToLower(token), "INVALID_LOGIN")

		// The OAuth flow works once an administrator allows it.
		app := h.spec.ConnectedApps[0]
		grant := url.Values{
			"grant_type": {"password"}, "client_id": {app.ConsumerKey}, "client_secret": {app.Secret.Reveal()}, "username": {username}, "password": {"first-pass-1" + token},
		}
		if status, body := h.form(t, "/services/oauth2/token", grant); status != 400 || !strings.Contains(body, "authentication failure") {
			t.Errorf("the flow in a new org: %d %s", status, body)
		}
		h.set(t, "OauthOidcSettings", "<blockOAuthUnPwFlow>false</blockOAuthUnPwFlow>")
		if status, body := h.form(t, "/services/oauth2/token", grant); status != 200 || !strings.Contains(body, "access_token") {
			t.Errorf("the flow when allowed: %d %s", status, body)
		}
		if got := h.find(t, "SELECT Display FROM SetupAuditTrail ORDER BY CreatedDate"); !strings.Contains(got, "Allow OAuth Username-Password Flows") || !strings.Contains(got, username) {
			t.Errorf("the trail lacks the changes: %s", got)
		}
	})
}

func (h *house) form(t *testing.T, path string, v url.Values) (int, string) {
	t.Helper()
	res, err := http.PostForm(h.url+path, v)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, res)
}

func TestALinkEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		id, username, address := h.newUser(t, "late", "Standard User")
		old := h.mails.link(t, address)
		if err := h.cloud.SetClock(t.Context(), h.spec.ID, 8*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if status, _ := h.person(t).get(t, old); status != http.StatusGone {
			t.Errorf("a link of eight days answers %d", status)
		}
		admin, fault := h.tryLogin(t, h.spec.Users[0].Username, "admin-pw-1TOKEN")
		if fault != "" {
			t.Fatal(fault)
		}
		h.admin = admin
		if status, page := h.person(t).post(t, "/secur/forgotpassword.jsp", "username", "nobody@nowhere.example"); status != 200 || !strings.Contains(page, "If there is an active user") {
			t.Errorf("forgotten password of nobody: %d %s", status, page)
		}
		// A user who is deactivated cannot set a password, nor can anything but the link of that user.
		status, body := h.call(t, h.admin, "DELETE", data+"/sobjects/User/"+id+"/password", nil)
		temporary := between(body, `"NewPassword":"`, `"`)
		if status != 200 || temporary == "" {
			t.Fatalf("resetting: %d %s", status, body)
		}
		if _, fault := h.tryLogin(t, username, temporary+h.mails.token(t, address)); fault != "expired" {
			t.Errorf("a temporary password: %q", fault)
		}
		if status, body := h.call(t, h.admin, "PATCH", data+"/sobjects/User/"+id, map[string]any{"IsActive": false}); status != 204 {
			t.Fatalf("%d %s", status, body)
		}
		h.wantLogin(t, username, temporary+h.mails.token(t, address), "INVALID_LOGIN")
	})
}

// seed:api S004-19 S004-20 S004-21 S004-28 S004-29
func TestSecurityTokenIsReset(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		id, username, address := h.newUser(t, "robot", "System Administrator")
		h.setByLink(t, address, "first-pass-1")
		first := h.mails.token(t, address)
		h.wantLogin(t, username, "first-pass-1"+first, "")

		// Reset by the user's own page: the old one dies at once, and the page does not show the new one.
		p := h.person(t)
		if status, page := p.signIn(t, username, "first-pass-1"); status != 200 || !strings.Contains(page, "Reset My Security Token") {
			t.Fatalf("signing in: %d %s", status, page)
		}
		status, page := p.post(t, "/_ui/system/security/ResetApiTokenConfirm")
		second := h.mails.token(t, address)
		if status != 200 || second == first || strings.Contains(page, second) {
			t.Fatalf("the reset: %d %s", status, page)
		}
		h.wantLogin(t, username, "first-pass-1"+first, "INVALID_LOGIN")
		h.wantLogin(t, username, "first-pass-1"+second, "")

		// Another address: the present token stays, the next goes there.
		if status, body := h.call(t, h.admin, "PATCH", data+"/sobjects/User/"+id, map[string]any{"Email": "new." + address}); status != 204 {
			t.Fatalf("%d %s", status, body)
		}
		h.wantLogin(t, username, "first-pass-1"+second, "")
		before := len(h.mails.to(address))
		// Changing the password changes the token.
		if status, page := p.post(t, "/_ui/system/security/ChangePassword", "old_password", "first-pass-1", "new_password", "second-pass-2", "confirm_password", "second-pass-2"); status != 200 || !strings.Contains(page, "Password changed") {
			t.Fatalf("changing the password: %d %s", status, page)
		}
		third := h.mails.token(t, "new."+address)
		if len(h.mails.to(address)) != before {
			t.Error("the new token went to the old address")
		}
		h.wantLogin(t, username, "second-pass-2"+second, "INVALID_LOGIN")
		h.wantLogin(t, username, "second-pass-2"+third, "")

		// Inside the trusted ranges no token is needed; outside again it is.
		h.set(t, "SecuritySettings", "<networkAccess><ipRanges><start>127.0.0.0</start><end>127.255.255.255</end></ipRanges></networkAccess>")
		h.wantLogin(t, username, "second-pass-2", "")
		h.wantLogin(t, username, "second-pass-2"+third, "")
		h.set(t, "SecuritySettings", "<networkAccess></networkAccess>")
		h.wantLogin(t, username, "second-pass-2", "INVALID_LOGIN")

		// A profile with login IP ranges has no tokens: neither needed, nor to be reset.
		h.profile(t, "Admin", "<loginIpRanges><startAddress>127.0.0.1</startAddress><endAddress>127.0.0.1</endAddress></loginIpRanges>")
		h.wantLogin(t, username, "second-pass-2", "")
		if _, page := p.get(t, "/"); strings.Contains(page, "Reset My Security Token") {
			t.Error("the reset is offered to a user of a profile with login IP ranges")
		}
		if status, _ := p.post(t, "/_ui/system/security/ResetApiTokenConfirm"); status != 404 {
			t.Errorf("the reset answers %d", status)
		}
	})
}

// profile changes a profile's login rules by the Metadata API.
func (h *house) profile(t *testing.T, name, fields string) {
	t.Helper()
	status, answer := h.metadata(t, h.admin, `<updateMetadata><metadata xsi:type="Profile"><fullName>`+name+`</fullName>`+fields+`</metadata></updateMetadata>`)
	if status != 200 || !strings.Contains(answer, "<success>true</success>") {
		t.Fatalf("profile %s: %d %s", fields, status, answer)
	}
}

// seed:api S004-22 S004-23 S004-25 S004-28 S004-29
func TestLoginAs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		id, username, address := h.newUser(t, "robot", "Standard User")
		h.setByLink(t, address, "first-pass-1")
		old := h.mails.token(t, address)
		admin := h.person(t)
		admin.signIn(t, h.spec.Users[0].Username, "admin-pw-1")

		if _, page := admin.get(t, "/setup/users"); !strings.Contains(page, username) || strings.Contains(page, ">Login<") {
			t.Errorf("the users while the policy is off: %s", page)
		}
		if status, _ := admin.post(t, "/servlet/servlet.su", "suorgadminid", id); status != 403 {
			t.Errorf("logging in while the policy is off: %d", status)
		}
		if status, page := admin.post(t, "/setup/login-access-policies", "enableAdminLoginAsAnyUser", "true"); status != 200 || !strings.Contains(page, "saved") {
			t.Fatalf("the policy: %d %s", status, page)
		}
		if _, page := admin.get(t, "/setup/users"); !strings.Contains(page, ">Login<") {
			t.Errorf("no Login link: %s", page)
		}
		if status, page := admin.post(t, "/servlet/servlet.su", "suorgadminid", id); status != 200 || !strings.Contains(page, username) || !strings.Contains(page, "logged in as this user") {
			t.Fatalf("logging in as: %d %s", status, page)
		}
		if got := h.find(t, "SELECT SessionType, UsersId FROM AuthSession WHERE UsersId = '"+id+"'"); !strings.Contains(got, `"SessionType":"SubstituteUser"`) {
			t.Errorf("sessions: %s", got)
		}
		parent := between(h.find(t, "SELECT ParentId FROM AuthSession WHERE SessionType = 'SubstituteUser'"), `"ParentId":"`, `"`)
		if got := h.find(t, "SELECT Id, ParentId, LogoutUrl, Parent.SessionType FROM AuthSession WHERE Id = '"+parent+"'"); !strings.Contains(got, `"ParentId":"`+parent) ||
			!strings.Contains(got, `"LogoutUrl":null`) || !strings.Contains(got, `"SessionType":"UI"`) {
			t.Errorf("the administrator's own session %s: %s", parent, got)
		}
		// Inside it the token is reset, and mailed to that user.
		mine := len(h.mails.to(h.spec.Users[0].Username))
		if status, _ := admin.post(t, "/_ui/system/security/ResetApiTokenConfirm"); status != 200 {
			t.Fatalf("resetting inside: %d", status)
		}
		if len(h.mails.to(h.spec.Users[0].Username)) != mine {
			t.Error("the administrator was mailed the token")
		}
		h.wantLogin(t, username, "first-pass-1"+old, "INVALID_LOGIN")
		h.wantLogin(t, username, "first-pass-1"+h.mails.token(t, address), "")
		if status, _ := admin.post(t, "/_ui/system/security/ChangePassword", "old_password", "first-pass-1", "new_password", "stolen-pass-1", "confirm_password", "stolen-pass-1"); status == 200 {
			t.Error("the administrator changed the user's password as the user")
		}
		if status, _ := admin.post(t, "/servlet/servlet.su", "suorgadminid", h.findID(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")); status != 403 {
			t.Error("one login as led to another")
		}
		app := h.spec.ConnectedApps[0]
		authorize := "/services/oauth2/authorize?" + url.Values{"response_type": {"code"}, "client_id": {app.ConsumerKey}, "redirect_uri": {app.CallbackURLs[0]}}.Encode()
		if status, page := admin.get(t, authorize); status != 403 || !strings.Contains(page, "cannot give an app access") {
			t.Errorf("the administrator gives an app access as the user: %d %s", status, page)
		}
		// Both stand in the trail and the history.
		trail := h.find(t, "SELECT Action, DelegateUser, CreatedBy.Username FROM SetupAuditTrail WHERE DelegateUser = '"+h.spec.Users[0].Username+"'")
		for _, want := range []string{`"Action":"resetsecuritytoken"`, `"Action":"suOrgAdminLogin"`, `"Username":"` + username + `"`} {
			if !strings.Contains(trail, want) {
				t.Errorf("the trail lacks %s: %s", want, trail)
			}
		}
		if got := h.find(t, "SELECT Application, LoginSubType, Status FROM LoginHistory WHERE UserId = '"+id+"'"); !strings.Contains(got, "Login-As by "+h.spec.Users[0].Username) {
			t.Errorf("the history does not name the administrator: %s", got)
		}
		// Logging out leads back to the administrator, where he need not log in anew (crm-wire 6, forceRelogin).
		h.set(t, "SecuritySettings", "<sessionSettings><forceRelogin>false</forceRelogin></sessionSettings>")
		if status, page := admin.post(t, "/secur/logout.jsp"); status != 200 || !strings.Contains(page, "All Users") {
			t.Errorf("leaving: %d %s", status, page)
		}
		if got := h.find(t, "SELECT COUNT() FROM AuthSession WHERE SessionType = 'SubstituteUser'"); !strings.Contains(got, `"totalSize":0`) {
			t.Errorf("sessions after leaving: %s", got)
		}
		// Turning the policy off ends what is under way.
		admin.post(t, "/servlet/servlet.su", "suorgadminid", id)
		h.set(t, "SecuritySettings", "<enableAdminLoginAsAnyUser>false</enableAdminLoginAsAnyUser>")
		if _, page := admin.get(t, "/"); strings.Contains(page, username) {
			t.Error("the login as lives on without the policy")
		}
		// An ordinary user has no list and no link.
		user := h.person(t)
		user.signIn(t, h.spec.Users[1].Username, "user-pw-1")
		if status, _ := user.get(t, "/setup/users"); status != 403 {
			t.Errorf("an ordinary user sees Setup: %d", status)
		}
		if status, _ := user.post(t, "/servlet/servlet.su", "suorgadminid", id); status != 403 {
			t.Errorf("an ordinary user logs in as another: %d", status)
		}
	})
}

func TestPasswordsExpire(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		username := h.spec.Users[1].Username
		if err := h.cloud.SetClock(t.Context(), h.spec.ID, 91*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		session, fault := h.tryLogin(t, username, "user-pw-1TOKEN")
		if fault != "expired" || session == "" {
			t.Fatalf("after 91 days: %q", fault)
		}
		if status, body := h.call(t, session, "GET", data+"/sobjects", nil); status != 401 {
			t.Errorf("REST with a limited session: %d %s", status, body)
		}
		if _, body := h.soapCall(t, session, `<getServerTimestamp xmlns="urn:partner.soap.sforce.com"/>`); !strings.Contains(body, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD") {
			t.Errorf("SOAP with a limited session: %s", body)
		}
		change := func(old, password string) string {
			_, body := h.soapCall(t, session, `<changeOwnPassword xmlns="urn:partner.soap.sforce.com"><oldPassword>`+old+`</oldPassword><newPassword>`+password+`</newPassword></changeOwnPassword>`)
			return body
		}
		for password, want := range map[string]string{"user-pw-1": "invalid repeated password", "letters": "at least 8", username + "1": "user name"} {
			if got := change("user-pw-1", password); !strings.Contains(got, "INVALID_NEW_PASSWORD") || !strings.Contains(got, want) {
				t.Errorf("%s: %s", password, got)
			}
		}
		if got := change("wrong", "fresh-pass-1"); !strings.Contains(got, "INVALID_OLD_PASSWORD") {
			t.Errorf("a wrong old password: %s", got)
		}
		if got := change("user-pw-1", "fresh-pass-1"); !strings.Contains(got, "changeOwnPasswordResponse") {
			t.Fatalf("changing: %s", got)
		}
		h.wantLogin(t, username, "fresh-pass-1"+h.mails.token(t, username), "")

		// On the page: choose another, and go on.
		admin := h.person(t)
		_, page := admin.signIn(t, h.spec.Users[0].Username, "admin-pw-1")
		if !strings.Contains(page, "has expired") {
			t.Fatalf("the page: %s", page)
		}
		if status, page := admin.post(t, "/secur/expiredpassword.jsp", "tx", between(page, `name="tx" value="`, `"`), "new_password", "admin-pw-2", "confirm_password", "admin-pw-2"); status != 200 || !strings.Contains(page, h.spec.Users[0].Username) {
			t.Errorf("choosing another: %d %s", status, page)
		}
	})
}

func TestPasswordsThatNeverExpire(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		set := h.create(t, "PermissionSet", map[string]any{"Label": "Robots", "PermissionsPasswordNeverExpires": true})
		h.create(t, "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": h.findID(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")})
		if err := h.cloud.SetClock(t.Context(), h.spec.ID, 400*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		h.wantLogin(t, h.spec.Users[1].Username, "user-pw-1TOKEN", "")
		h.wantLogin(t, h.spec.Users[0].Username, "admin-pw-1TOKEN", "expired")
		if err := h.cloud.SetClock(t.Context(), h.spec.ID, 0); err != nil {
			t.Fatal(err)
		}
		h.set(t, "SecuritySettings", "<passwordPolicies><expiration>Never</expiration></passwordPolicies>")
		if err := h.cloud.SetClock(t.Context(), h.spec.ID, 400*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		h.wantLogin(t, h.spec.Users[0].Username, "admin-pw-1TOKEN", "")
	})
}

func TestFreezeLockAndSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		username := h.spec.Users[1].Username
		userID := h.findID(t, "SELECT Id FROM User WHERE Username = '"+username+"'")
		login := h.findID(t, "SELECT Id, IsFrozen, IsPasswordLocked FROM UserLogin WHERE UserId = '"+userID+"'")
		patch := func(body map[string]any) (int, string) {
			return h.call(t, h.admin, "PATCH", data+"/sobjects/UserLogin/"+login, body)
		}
		if status, body := patch(map[string]any{"IsFrozen": true}); status != 204 {
			t.Fatalf("freezing: %d %s", status, body)
		}
		h.wantLogin(t, username, "user-pw-1TOKEN", "INVALID_LOGIN")
		if status, _ := h.call(t, h.user, "GET", data+"/sobjects", nil); status != 401 {
			t.Errorf("a frozen user's session: %d", status)
		}
		if got := h.find(t, "SELECT Status FROM LoginHistory WHERE UserId = '"+userID+"' ORDER BY LoginTime DESC LIMIT 1"); !strings.Contains(got, "User Is Frozen") {
			t.Errorf("history: %s", got)
		}
		if status, body := patch(map[string]any{"IsFrozen": false}); status != 204 {
			t.Fatalf("thawing: %d %s", status, body)
		}
		h.wantLogin(t, username, "user-pw-1TOKEN", "")
		own := h.findID(t, "SELECT Id FROM UserLogin WHERE User.Username = '"+h.spec.Users[0].Username+"'")
		if status, body := h.call(t, h.admin, "PATCH", data+"/sobjects/UserLogin/"+own, map[string]any{"IsFrozen": true}); status != 400 || !strings.Contains(body, "CANNOT_FREEZE_SELF") {
			t.Errorf("freezing oneself: %d %s", status, body)
		}

		// Three attempts, for ever, as the policy says.
		h.set(t, "SecuritySettings", "<passwordPolicies><maxLoginAttempts>ThreeAttempts</maxLoginAttempts><lockoutInterval>Forever</lockoutInterval></passwordPolicies>")
		for range 3 {
			h.wantLogin(t, username, "wrong", "INVALID_LOGIN")
		}
		h.wantLogin(t, username, "user-pw-1TOKEN", "INVALID_LOGIN")
		if got := h.find(t, "SELECT IsPasswordLocked FROM UserLogin WHERE UserId = '"+userID+"'"); !strings.Contains(got, `"IsPasswordLocked":true`) {
			t.Errorf("locked: %s", got)
		}
		if status, body := patch(map[string]any{"IsPasswordLocked": false}); status != 204 {
			t.Fatalf("unlocking: %d %s", status, body)
		}
		if status, body := patch(map[string]any{"IsPasswordLocked": true}); status != 400 || !strings.Contains(body, "CANNOT_PASSWORD_LOCKOUT") {
			t.Errorf("locking by hand: %d %s", status, body)
		}
		session, fault := h.tryLogin(t, username, "user-pw-1TOKEN")
		if fault != "" {
			t.Fatalf("after unlocking: %s", fault)
		}

		// A session is ended by deleting its record, and others by their tokens.
		sessions := h.find(t, "SELECT Id, SourceIp, LoginType, NumSecondsValid, LoginHistoryId FROM AuthSession WHERE UsersId = '"+userID+"' ORDER BY CreatedDate DESC LIMIT 1")
		if !strings.Contains(sessions, `"SourceIp":"127.0.0.1"`) || !strings.Contains(sessions, `"NumSecondsValid":7200`) {
			t.Errorf("sessions: %s", sessions)
		}
		// Which of them is the one that asks, by query and by id.
		if got := h.find(t, "SELECT Id, IsCurrent FROM AuthSession"); strings.Count(got, `"IsCurrent":true`) != 1 || strings.Count(got, `"IsCurrent":false`) < 2 {
			t.Errorf("the current session: %s", got)
		}
		if got := h.find(t, "SELECT IsCurrent FROM AuthSession WHERE UsersId = '"+userID+"'"); strings.Contains(got, `"IsCurrent":true`) {
			t.Errorf("another user's session is the current one: %s", got)
		}
		mine := h.find(t, "SELECT Id, IsCurrent FROM AuthSession WHERE UsersId != '"+userID+"' ORDER BY CreatedDate DESC LIMIT 1")
		if _, body := h.call(t, h.admin, "GET", data+"/sobjects/AuthSession/"+between(mine, `"Id":"`, `"`), nil); strings.Contains(mine, `"IsCurrent":true`) != strings.Contains(body, `"IsCurrent":true`) {
			t.Errorf("by id %s, by query %s", body, mine)
		}
		if status, body := h.call(t, h.admin, "DELETE", data+"/sobjects/AuthSession/"+between(sessions, `"Id":"`, `"`), nil); status != 204 {
			t.Fatalf("ending: %d %s", status, body)
		}
		if status, _ := h.call(t, session, "GET", data+"/sobjects", nil); status != 401 {
			t.Errorf("the session that was ended: %d", status)
		}
		if status, _ := h.call(t, h.user, "GET", data+"/sobjects", nil); status != 200 {
			t.Errorf("another session: %d", status)
		}
		if _, body := h.soapCall(t, h.admin, `<invalidateSessions xmlns="urn:partner.soap.sforce.com"><sessionIds>`+h.user+`</sessionIds><sessionIds>nonsense</sessionIds></invalidateSessions>`); strings.Count(body, "<success>true</success>") != 1 || !strings.Contains(body, "INVALID_SESSION_ID") {
			t.Errorf("invalidateSessions: %s", body)
		}
		if status, _ := h.call(t, h.user, "GET", data+"/sobjects", nil); status != 401 {
			t.Errorf("the session that was invalidated: %d", status)
		}
		// Who manages nobody sees no sessions and freezes nobody.
		session, _ = h.tryLogin(t, username, "user-pw-1TOKEN")
		if status, _ := h.call(t, session, "GET", data+"/query?q="+url.QueryEscape("SELECT Id FROM AuthSession"), nil); status != 400 {
			t.Errorf("an ordinary user queries sessions: %d", status)
		}
		if status, _ := h.call(t, session, "PATCH", data+"/sobjects/UserLogin/"+login, map[string]any{"IsFrozen": false}); status != 404 {
			t.Errorf("an ordinary user thaws: %d", status)
		}
	})
}

func TestLoginHoursAndRanges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		username := h.spec.Users[1].Username
		h.profile(t, "Standard", "<loginIpRanges><startAddress>192.0.2.1</startAddress><endAddress>192.0.2.9</endAddress></loginIpRanges>")
		h.wantLogin(t, username, "user-pw-1TOKEN", "LOGIN_DURING_RESTRICTED_DOMAIN")
		if _, page := h.person(t).signIn(t, username, "user-pw-1"); !strings.Contains(page, "You are not logged in") {
			t.Errorf("the page lets in from outside: %s", page)
		}
		h.profile(t, "Standard", "<loginIpRanges/>")
		h.wantLogin(t, username, "user-pw-1TOKEN", "")
		closed := ""
		for _, day := range []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} {
			closed += fmt.Sprintf("<%sEnd>0</%sEnd><%sStart>0</%sStart>", day, day, day, day)
		}
		h.profile(t, "Standard", "<loginHours>"+closed+"</loginHours>")
		h.wantLogin(t, username, "user-pw-1TOKEN", "LOGIN_DURING_RESTRICTED_TIME")
		if _, answer := h.metadata(t, h.admin, "<readMetadata><type>Profile</type><fullNames>Standard</fullNames></readMetadata>"); !strings.Contains(answer, "<mondayEnd>0</mondayEnd><mondayStart>0</mondayStart>") {
			t.Errorf("reading the hours: %s", answer)
		}
		h.profile(t, "Standard", "<loginHours/>")
		h.wantLogin(t, username, "user-pw-1TOKEN", "")
	})
}

func TestPasswordResource(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		username := h.spec.Users[1].Username
		id := h.findID(t, "SELECT Id FROM User WHERE Username = '"+username+"'")
		admin := h.findID(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[0].Username+"'")
		path := data + "/sobjects/User/" + id + "/password"
		for _, c := range []struct {
			who, method, path string
			body              any
			status            int
			want              string
		}{
			{h.admin, "GET", path, nil, 200, `{"isExpired":false}`},
			{h.user, "GET", path, nil, 200, `{"isExpired":false}`},
			{h.user, "GET", data + "/sobjects/User/" + admin + "/password", nil, 403, `"errorCode":"INSUFFICIENT_ACCESS"`},
			{h.user, "POST", data + "/sobjects/User/" + admin + "/password", map[string]any{"NewPassword": "taken-over-1"}, 403, "You do not have permission to view this record."},
			{h.admin, "POST", path, map[string]any{"NewPassword": "short"}, 400, `"errorCode":"INVALID_NEW_PASSWORD"`},
			{h.admin, "POST", path, map[string]any{"NewPassword": "user-pw-1"}, 400, "invalid repeated password"},
			{h.admin, "POST", path, map[string]any{}, 400, "REQUIRED_FIELD_MISSING"},
			{h.admin, "GET", data + "/sobjects/User/" + id + "/nothing", nil, 404, "NOT_FOUND"},
			{h.admin, "GET", data + "/sobjects/Contact/" + id + "/password", nil, 404, "NOT_FOUND"},
			{h.admin, "POST", path, map[string]any{"NewPassword": "by-admin-1"}, 204, ""},
		} {
			status, body := h.call(t, c.who, c.method, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, body, c.status, c.want)
			}
		}
		h.wantLogin(t, username, "user-pw-1TOKEN", "INVALID_LOGIN")
		h.wantLogin(t, username, "by-admin-1"+h.mails.token(t, username), "")
		_, body := h.soapCall(t, h.admin, `<resetPassword xmlns="urn:partner.soap.sforce.com"><userId>`+id+`</userId></resetPassword>`)
		temporary := between(body, "<password>", "</password>")
		session, fault := h.tryLogin(t, username, temporary+h.mails.token(t, username))
		if fault != "expired" {
			t.Fatalf("a temporary password: %q %s", fault, body)
		}
		if _, body := h.soapCall(t, session, `<setPassword xmlns="urn:partner.soap.sforce.com"><userId>`+id+`</userId><password>of-my-own-1</password></setPassword>`); !strings.Contains(body, "setPasswordResponse") {
			t.Fatalf("setPassword: %s", body)
		}
		h.wantLogin(t, username, "of-my-own-1"+h.mails.token(t, username), "")
		if _, body := h.soapCall(t, session, `<resetPassword xmlns="urn:partner.soap.sforce.com"><userId>`+admin+`</userId></resetPassword>`); !strings.Contains(body, "exceptionCode") {
			t.Errorf("an ordinary user resets the administrator's password: %s", body)
		}
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		_, answer := h.metadata(t, h.admin, "<readMetadata><type>SecuritySettings</type><fullNames>Security</fullNames></readMetadata>")
		for _, want := range []string{
			`<records xsi:type="SecuritySettings"><fullName>Security</fullName><enableAdminLoginAsAnyUser>false</enableAdminLoginAsAnyUser>`,
			"<complexity>AlphaNumeric</complexity>", "<expiration>NinetyDays</expiration>", "<historyRestriction>3</historyRestriction>",
			"<minimumPasswordLength>8</minimumPasswordLength>", "<maxLoginAttempts>TenAttempts</maxLoginAttempts>", "<lockoutInterval>FifteenMinutes</lockoutInterval>",
			"<sessionTimeout>TwoHours</sessionTimeout><terminateUserSessionsWhenAdminResetsPassword>false</terminateUserSessionsWhenAdminResetsPassword>" +
				"<enforceIpRangesEveryRequest>false</enforceIpRangesEveryRequest><lockSessionsToIp>false</lockSessionsToIp><lockSessionsToDomain>true</lockSessionsToDomain>" +
				"<forceRelogin>true</forceRelogin><forceLogoutOnSessionTimeout>true</forceLogoutOnSessionTimeout></sessionSettings>",
		} {
			if !strings.Contains(answer, want) {
				t.Errorf("a new org's settings lack %s: %s", want, answer)
			}
		}
		if _, answer := h.metadata(t, h.admin, "<readMetadata><type>OauthOidcSettings</type><fullNames>OauthOidc</fullNames></readMetadata>"); !strings.Contains(answer, "<blockOAuthUnPwFlow>true</blockOAuthUnPwFlow>") {
			t.Errorf("a new org allows the flow: %s", answer)
		}
		for fields, want := range map[string]string{
			"<passwordPolicies><complexity>Easy</complexity></passwordPolicies>":                                                "is not a valid value",
			"<passwordPolicies><minimumPasswordLength>4</minimumPasswordLength></passwordPolicies>":                             "5 to 50",
			"<passwordPolicies><historyRestriction>x</historyRestriction></passwordPolicies>":                                   "it takes a number",
			"<passwordPolicies><colour>red</colour></passwordPolicies>":                                                         "there is no setting",
			"<networkAccess><ipRanges><start>10.0.0.9</start><end>10.0.0.1</end></ipRanges></networkAccess>":                    "no range",
			"<enableAdminLoginAsAnyUser>perhaps</enableAdminLoginAsAnyUser>":                                                    "is not a valid value",
			"<sessionSettings><sessionTimeout>ThirtyMinutes</sessionTimeout></sessionSettings><somethingElse>1</somethingElse>": "there is no setting",
		} {
			_, answer := h.metadata(t, h.admin, `<updateMetadata><metadata xsi:type="SecuritySettings"><fullName>Security</fullName>`+fields+`</metadata></updateMetadata>`)
			if !strings.Contains(answer, "<success>false</success>") || !strings.Contains(answer, want) {
				t.Errorf("%s: %s", fields, answer)
			}
		}
		h.set(t, "SecuritySettings", "<sessionSettings><sessionTimeout>ThirtyMinutes</sessionTimeout></sessionSettings>")
		session := h.login(t, h.spec.Users[1].Username, "user-pw-1TOKEN")
		if err := h.cloud.SetClock(t.Context(), h.spec.ID, 31*time.Minute); err != nil {
			t.Fatal(err)
		}
		if status, _ := h.call(t, session, "GET", data+"/sobjects", nil); status != 401 {
			t.Errorf("a session of 30 minutes after 31: %d", status)
		}
		if _, answer := h.metadata(t, h.user, "<readMetadata><type>SecuritySettings</type><fullNames>Security</fullNames></readMetadata>"); !strings.Contains(answer, "INSUFFICIENT_ACCESS") {
			t.Errorf("an ordinary user reads the settings: %s", answer)
		}

		admin := h.person(t)
		admin.signIn(t, h.spec.Users[0].Username, "admin-pw-1")
		for path, want := range map[string]string{
			"oauth-and-openid-connect-settings": "Allow OAuth Username-Password Flows", "login-access-policies": "Administrators Can Log in as Any User",
			"password-policies": "Minimum password length", "session-settings": "ThirtyMinutes", "network-access": "Trusted IP Ranges",
		} {
			if status, page := admin.get(t, "/setup/"+path); status != 200 || !strings.Contains(page, want) {
				t.Errorf("%s: %d %s", path, status, page)
			}
		}
		if status, page := admin.post(t, "/setup/network-access", "ranges", "10.0.0.1-10.0.0.9, 192.0.2.7"); status != 200 || !strings.Contains(page, "192.0.2.7-192.0.2.7") {
			t.Errorf("ranges: %d %s", status, page)
		}
		if _, page := admin.post(t, "/setup/network-access", "ranges", "nonsense"); !strings.Contains(page, "no range") {
			t.Errorf("no ranges: %s", page)
		}
		if _, page := admin.post(t, "/setup/oauth-and-openid-connect-settings", "blockOAuthUnPwFlow", "true"); !strings.Contains(page, "saved") || !strings.Contains(page, " checked") {
			t.Errorf("allowing the flow on the page: %s", page)
		}
	})
}

// TestPasswordsByAPIAreThrottled: who sets or resets a password by REST or SOAP is refused as logins from his network are,
// before a password is hashed, and hears when to come back (LG-02, LG-09).
func TestPasswordsByAPIAreThrottled(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	id := h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")
	guesser := h.person(t)
	for range 300 { // dead links cost no hash; loopback has ten times what another network has
		guesser.get(t, "/secur/setpassword.jsp?code=nonsense")
	}
	path := data + "/sobjects/User/" + id + "/password"
	for method, body := range map[string]any{"POST": map[string]any{"NewPassword": "of-my-own-1"}, "DELETE": nil} {
		status, header, answer := h.send(t, h.admin, method, path, body)
		if status != http.StatusForbidden || header.Get("Retry-After") == "" || !strings.Contains(answer, "REQUEST_LIMIT_EXCEEDED") {
			t.Errorf("%s: %d, Retry-After %q, %s", method, status, header.Get("Retry-After"), answer)
		}
	}
	for name, call := range map[string]string{
		"setPassword":       "<userId>" + id + "</userId><password>of-my-own-1</password>",
		"resetPassword":     "<userId>" + id + "</userId>",
		"changeOwnPassword": "<oldPassword>admin-pw-1</oldPassword><newPassword>of-my-own-1</newPassword>",
	} {
		_, answer := h.soapCall(t, h.admin, "<"+name+` xmlns="urn:partner.soap.sforce.com">`+call+"</"+name+">")
		if !strings.Contains(answer, "REQUEST_LIMIT_EXCEEDED") {
			t.Errorf("%s: %s", name, answer)
		}
	}
	if status, answer := h.call(t, h.admin, "GET", path, nil); status != http.StatusOK { // asks for nothing that costs
		t.Errorf("whether it has expired: %d %s", status, answer)
	}
}
