package crm_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// zone is DNS with one TXT record at a time.
type zone struct {
	mu         sync.Mutex
	name, text string
}

func (z *zone) set(name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.name, z.text = name, text
}

func (z *zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if name != z.name {
		return nil, errors.New("no such host")
	}
	return []string{"v=spf1 -all", z.text}, nil
}

var addressLink = regexp.MustCompile(`/secur/verifyemail\.jsp\?code=(\S+)`)

// from is what the last mail to the address came from.
func (h *house) from(t *testing.T, address string) string {
	t.Helper()
	list := h.mails.to(address)
	if len(list) == 0 {
		t.Fatalf("no mail to %s", address)
	}
	return list[len(list)-1].From.Email
}

const banner = "Salesforce now sends email only from verified domains."

// The org mails from its own address once the owner of the address and DNS have both said yes, and from the substitute
// address until then; pages say so, and lead to where it is mended.
//
// seed:page S002-02 S002-03
func TestTheOrgMailsFromVerifiedAddressesAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		user := h.one(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")
		mailFrom := func() string { // any mail of the org does
			t.Helper()
			if status, answer := h.call(t, h.admin, "DELETE", data+"/sobjects/User/"+user+"/password", nil); status != 200 {
				t.Fatal(answer)
			}
			return h.from(t, h.spec.Users[1].Username)
		}
		service := mailFrom()
		admin := h.person(t)
		admin.signIn(t, h.spec.Users[0].Username, "admin-pw-1")
		pages := func(want bool) {
			t.Helper()
			for _, path := range []string{"/setup/users", "/_ui/system/security/ResetApiTokenConfirm", "/setup/deliverability"} {
				_, page := admin.get(t, path)
				if strings.Contains(page, banner) != want || strings.Contains(page, `<a href="/setup/deliverability">Read More</a>`) != want {
					t.Errorf("%s shows the banner: %v, want %v", path, !want, want)
				}
			}
		}
		pages(false)

		address := "crm@mail." + h.spec.MyDomain + ".example"
		id := h.create(t, "OrgWideEmailAddress", map[string]any{"Address": address, "DisplayName": "The CRM", "Purpose": "DefaultNoreply"})
		substitute := "email@" + strings.ToLower(h.spec.ID) + "." + service[strings.Index(service, "@")+1:]
		if got := mailFrom(); got != substitute {
			t.Errorf("unverified, mail comes from %s, want %s", got, substitute)
		}
		pages(true)

		// The link was mailed to the address, by the service itself; looking at it verifies nothing, and it works once.
		list := h.mails.to(address)
		found := addressLink.FindStringSubmatch(list[0].Text)
		if len(list) != 1 || found == nil || list[0].From.Email != service {
			t.Fatalf("mails to the address: %+v", list)
		}
		stranger := h.person(t)
		if status, page := stranger.get(t, found[0]); status != 200 || !strings.Contains(page, "Verify") {
			t.Errorf("the link: %d %s", status, page)
		}
		wrong := found[1][:len(found[1])-1] + "x"
		if wrong == found[1] {
			wrong = wrong[:len(wrong)-1] + "y"
		}
		for _, c := range []struct {
			code string
			want int
		}{{wrong, 410}, {"short", 410}, {found[1], 200}, {found[1], 410}} {
			if status, page := stranger.post(t, "/secur/verifyemail.jsp", "code", c.code); status != c.want {
				t.Errorf("the code %s: %d %s", c.code, status, page)
			}
		}
		if _, rows := h.query(t, h.admin, "SELECT IsVerified FROM OrgWideEmailAddress"); rows[0]["IsVerified"] != true {
			t.Error("the address is not verified")
		}
		if got := mailFrom(); got != substitute {
			t.Errorf("without its domain, mail comes from %s", got)
		}

		// The domain: its own, proven by a TXT record; a subdomain proves nothing for it.
		domain := tooling + "/sobjects/AuthorizedEmailDomain"
		var ids []string
		for _, name := range []string{h.spec.MyDomain + ".example", "mail." + h.spec.MyDomain + ".example"} {
			status, answer := h.call(t, h.admin, "POST", domain, map[string]any{"DomainName": name})
			if status != 201 {
				t.Fatalf("%d %s", status, answer)
			}
			ids = append(ids, field(t, answer, "id").(string))
		}
		verify := map[string]any{"IsDomainOwnershipVerified": true}
		if status, answer := h.call(t, h.admin, "PATCH", domain+"/"+ids[0], verify); status != 400 || !strings.Contains(answer, "DNS has no TXT record "+h.spec.ID[:15]+"="+ids[0][:15]) {
			t.Errorf("without a record: %d %s", status, answer)
		}
		h.dns.set(h.spec.MyDomain+".example", h.spec.ID[:15]+"="+ids[0][:15])
		if status, answer := h.call(t, h.admin, "PATCH", domain+"/"+ids[0], verify); status != 204 {
			t.Errorf("with a record: %d %s", status, answer)
		}
		if got := mailFrom(); got != substitute {
			t.Errorf("another domain is verified, and mail comes from %s", got)
		}
		h.dns.set("_sfdv.mail."+h.spec.MyDomain+".example", "something; "+h.spec.ID[:15]+"="+ids[1][:15])
		if status, page := admin.post(t, "/setup/deliverability", "do", "verify_domain", "id", ids[1]); status != 200 || !strings.Contains(page, "saved") {
			t.Errorf("verifying on the page: %d %s", status, page)
		}
		if got := mailFrom(); got != address {
			t.Errorf("all verified, mail comes from %s", got)
		}
		pages(false)
		if trail := strings.Join(append(h.trail(t, "Organization-Wide Addresses"), h.trail(t, "Authorized Email Domains")...), "\n"); !strings.Contains(trail, "The owner of "+address+" verified it") ||
			!strings.Contains(trail, "IsDomainOwnershipVerified to true") || !strings.Contains(trail, "Created organization-wide from email address "+address) {
			t.Errorf("the trail: %s", trail)
		}
		// Without the domain it is the substitute again; without the address the service.
		if status, answer := h.call(t, h.admin, "DELETE", domain+"/"+ids[1], nil); status != 204 || mailFrom() != substitute {
			t.Errorf("%d %s", status, answer)
		}
		if status, _ := h.call(t, h.admin, "DELETE", data+"/sobjects/OrgWideEmailAddress/"+id, nil); status != 204 || mailFrom() != service {
			t.Error("without an address of its own the org's mail does not come from the service")
		}
	})
}

func TestSendersAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		address, domain, site := data+"/sobjects/OrgWideEmailAddress", tooling+"/sobjects/AuthorizedEmailDomain", tooling+"/sobjects/RemoteProxy"
		h.create(t, "OrgWideEmailAddress", map[string]any{"Address": "a@mail.example", "DisplayName": "A", "Purpose": "DefaultNoreply"})
		other := h.create(t, "OrgWideEmailAddress", map[string]any{"Address": "b@mail.example", "DisplayName": "B"})
		for _, c := range []struct {
			token, method, path string
			body                map[string]any
			status              int
			want                string
		}{
			{h.admin, "POST", address, map[string]any{"Address": "A@MAIL.example", "DisplayName": "twice"}, 400, "DUPLICATE_VALUE"},
			{h.admin, "POST", address, map[string]any{"Address": "no address", "DisplayName": "X"}, 400, "INVALID_EMAIL_ADDRESS"},
			{h.admin, "POST", address, map[string]any{"Address": "c@mail.example", "DisplayName": "X", "IsVerified": true}, 400, "by the link that is mailed to it"},
			{h.admin, "PATCH", address + "/" + other, map[string]any{"Purpose": "UserSelectionAndDefaultNoReply"}, 400, "is a@mail.example already"},
			{h.admin, "PATCH", address + "/" + other, map[string]any{"Address": "c@mail.example"}, 400, "each address is verified by itself"},
			{h.user, "POST", address, map[string]any{"Address": "c@mail.example", "DisplayName": "X"}, 404, "NOT_FOUND"},
			{h.admin, "POST", domain, map[string]any{"DomainName": "no domain"}, 400, "is no domain name"},
			{h.admin, "POST", domain, map[string]any{"DomainName": "192.0.2.1"}, 400, "is no domain name"},
			{h.admin, "POST", domain, map[string]any{"DomainName": "x.example", "IsDomainOwnershipVerified": true}, 400, "Create the domain unverified"},
			{h.admin, "PATCH", domain + "/1TB000000000001", map[string]any{"IsDomainOwnershipVerified": true}, 404, "NOT_FOUND"},
			{h.admin, "POST", site, map[string]any{"SiteName": "Token_Service", "EndpointUrl": "https://auth.exacttargetapis.com"}, 201, ""},
			{h.admin, "POST", site, map[string]any{"SiteName": "token_service", "EndpointUrl": "https://elsewhere.example"}, 400, "DUPLICATE_VALUE"},
			{h.admin, "POST", site, map[string]any{"SiteName": "Token Service", "EndpointUrl": "https://elsewhere.example"}, 400, "can only contain underscores"},
			{h.admin, "POST", site, map[string]any{"SiteName": "Plain", "EndpointUrl": "http://elsewhere.example"}, 400, "is not secure"},
			{h.admin, "POST", site, map[string]any{"SiteName": "Plain", "EndpointUrl": "http://elsewhere.example", "ProtocolMismatch": true}, 201, ""},
			{h.admin, "POST", site, map[string]any{"SiteName": "Odd", "EndpointUrl": "ftp://elsewhere.example"}, 400, "http(s)://host"},
			{h.user, "POST", site, map[string]any{"SiteName": "Mine", "EndpointUrl": "https://elsewhere.example"}, 404, "NOT_FOUND"},
		} {
			if status, answer := h.call(t, c.token, c.method, c.path, c.body); status != c.status || !strings.Contains(answer, c.want) {
				t.Errorf("%s %s %v: %d %s", c.method, c.path, c.body, status, answer)
			}
		}
		if got := h.trail(t, "Remote Site Settings"); len(got) != 2 || got[0] != "Created remote site Token_Service https://auth.exacttargetapis.com" {
			t.Errorf("the trail: %q", got)
		}
		// A link of eight days is too old.
		list := h.mails.to("b@mail.example")
		if err := h.cloud.SetClock(t.Context(), h.spec.ID, 8*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		if status, _ := h.person(t).post(t, "/secur/verifyemail.jsp", "code", addressLink.FindStringSubmatch(list[0].Text)[1]); status != 410 {
			t.Errorf("a link of eight days: %d", status)
		}
	})
}

// The page Installed Packages installs for administrators only unless somebody says otherwise, upgrades and removes.
//
// seed:page S002-27
func TestInstalledPackagesPage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		token, username := h.bare(t)
		admin := h.person(t)
		admin.signIn(t, username, "admin-pw-1")
		const path = "/setup/installed-packages"
		if status, page := admin.get(t, path); status != 200 || !strings.Contains(page, "No packages are installed.") ||
			!strings.Contains(page, `<option value="none" selected>Install for Admins Only</option>`) || strings.Contains(page, "4.000") {
			t.Fatalf("%d %s", status, page)
		}
		for _, c := range []struct{ do, version, want string }{
			{"install", "4.000", "versions below 5 are retired"},
			{"install", "5.493", "The package is installed."},
			{"install", "5.400", "A newer version of this package is currently installed"},
			{"install", "220", "The package is installed."},
		} {
			if status, page := admin.post(t, path, "do", c.do, "version", c.version, "access", "none"); status != 200 || !strings.Contains(page, c.want) {
				t.Errorf("%s %s: %d %s", c.do, c.version, status, page)
			}
		}
		if n, _ := h.query(t, token, "SELECT Id FROM PermissionSet WHERE NamespacePrefix = 'et4ae5'"); n != 3 {
			t.Errorf("%d permission sets", n)
		}
		if status, page := admin.post(t, path, "do", "uninstall", "id", "220"); status != 200 || !strings.Contains(page, "What is deleted") {
			t.Errorf("asking: %d %s", status, page)
		}
		if status, page := admin.post(t, path, "do", "uninstall", "id", "220", "ok", "true"); status != 200 || !strings.Contains(page, "The package is removed.") || !strings.Contains(page, "No packages") {
			t.Errorf("removing: %d %s", status, page)
		}
		standard := h.person(t)
		standard.signIn(t, h.spec.Users[1].Username, "user-pw-1")
		if status, _ := standard.post(t, path, "do", "install", "version", "220", "access", "full"); status != 403 {
			t.Errorf("a standard user: %d", status)
		}
	})
}
