package crm_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// knock makes a request of somebody who comes from an address, with a token as APIs and browsers bring it.
func (h *house) knock(t *testing.T, ip, method, path, token, body string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, h.url+path, strings.NewReader(body))
	r.RemoteAddr = ip + ":40000"
	if body == "" {
		r.Header.Set("Authorization", "Bearer "+token)
		r.AddCookie(&http.Cookie{Name: "crm-sid", Value: token})
	} else {
		r.Header.Set("Content-Type", "text/xml")
	}
	w := httptest.NewRecorder()
	h.cloud.Handler().ServeHTTP(w, r)
	return w.Body.String()
}

// TestSessionSettings: by the Metadata API and on the page, each with its effect at every edge that takes a session (crm-wire 6).
func TestSessionSettings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const here, away = "127.0.0.1", "192.0.2.7"
		browser := h.person(t)
		browser.signIn(t, h.spec.Users[1].Username, "user-pw-1")
		at, err := url.Parse(h.url)
		if err != nil {
			t.Fatal(err)
		}
		var page string
		for _, c := range browser.client.Jar.Cookies(at) {
			if c.Name == "crm-sid" {
				page = c.Value
			}
		}
		envelope := func(token, space, call string) string {
			return `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header><SessionHeader xmlns="` + space + `"><sessionId>` + token +
				`</sessionId></SessionHeader></e:Header><e:Body><` + call + ` xmlns="` + space + `"/></e:Body></e:Envelope>`
		}
		edges := []struct{ name, method, path, token, body, says string }{
			{"REST", "GET", data + "/sobjects", h.admin, "", "sobjects"},
			{"identity", "GET", "/services/oauth2/userinfo", h.admin, "", "preferred_username"},
			{"Bulk", "GET", data + "/jobs/ingest", h.admin, "", "records"},
			{"Metadata", "POST", "/services/Soap/m/60.0", "", envelope(h.admin, "http://soap.sforce.com/2006/04/metadata", "describeMetadata"), "metadataObjects"},
			{"SOAP", "POST", "/services/Soap/u/60.0", "", envelope(h.admin, "urn:partner.soap.sforce.com", "getUserInfo"), "userFullName"},
			{"pages", "GET", "/", page, "", "Change My Password"},
		}
		check := func(what string, elsewhere bool) {
			t.Helper()
			for _, e := range edges {
				for ip, want := range map[string]bool{here: true, away: elsewhere} {
					if answer := h.knock(t, ip, e.method, e.path, e.token, e.body); strings.Contains(answer, e.says) != want {
						t.Errorf("%s: %s from %s: %s", what, e.name, ip, answer)
					}
				}
			}
		}
		check("a new org", true)
		admin := h.person(t)
		admin.signIn(t, h.spec.Users[0].Username, "admin-pw-1")
		if _, shown := admin.get(t, "/setup/session-settings"); !strings.Contains(shown, "Lock sessions to the IP address from which they originated") {
			t.Errorf("the page: %s", shown)
		}
		on := []string{
			"sessionSettings.sessionTimeout", "TwoHours", "sessionSettings.lockSessionsToDomain", "true", "sessionSettings.forceRelogin", "true",
			"sessionSettings.forceLogoutOnSessionTimeout", "true",
		}
		if status, shown := admin.post(t, "/setup/session-settings", append(on, "sessionSettings.lockSessionsToIp", "true")...); status != 200 || !strings.Contains(shown, "Your changes are saved") {
			t.Fatalf("saving: %d %s", status, shown)
		}
		check("locked to the address", false)
		if got := h.find(t, "SELECT Display FROM SetupAuditTrail WHERE Action = 'changedlockSessionsToIp'"); !strings.Contains(got, "from false to true") {
			t.Errorf("the trail: %s", got)
		}
		admin.post(t, "/setup/session-settings", on...)
		check("unlocked", true)

		// Ranges of the profiles, on each request.
		fence := "<loginIpRanges><startAddress>127.0.0.0</startAddress><endAddress>127.0.0.9</endAddress></loginIpRanges>"
		h.profile(t, "Standard", fence)
		h.profile(t, "Admin", fence)
		check("ranges at logins alone", true)
		h.set(t, "SecuritySettings", "<sessionSettings><enforceIpRangesEveryRequest>true</enforceIpRangesEveryRequest></sessionSettings>")
		check("ranges on each request", false)
		_, have := h.metadata(t, h.admin, "<readMetadata><type>SecuritySettings</type><fullNames>Security</fullNames></readMetadata>")
		for _, want := range []string{
			"<enforceIpRangesEveryRequest>true<", "<lockSessionsToIp>false<", "<lockSessionsToDomain>true<", "<forceRelogin>true<", "<forceLogoutOnSessionTimeout>true<",
		} {
			if !strings.Contains(have, want) {
				t.Errorf("the settings lack %s: %s", want, have)
			}
		}
	})
}

// TestAppRanges are kept, shown and checked as crm-wire 5.4 has them, in both spellings of the documents.
func TestAppRanges(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	change := func(fields string) string {
		t.Helper()
		_, answer := h.metadata(t, h.admin, `<updateMetadata><metadata xsi:type="ConnectedApp"><fullName>et4ae5__Salesforce_Marketing_Cloud</fullName>`+fields+`</metadata></updateMetadata>`)
		return answer
	}
	read := func() string {
		_, answer := h.metadata(t, h.admin, `<readMetadata><type>ConnectedApp</type><fullNames>et4ae5__Salesforce_Marketing_Cloud</fullNames></readMetadata>`)
		return answer
	}
	two := `<ipRanges><description>office</description><end>10.0.0.9</end><start>10.0.0.1</start></ipRanges>` +
		`<ipRanges><startIpAddress>2001:db8::1</startIpAddress><endIpAddress>2001:db8::ff</endIpAddress></ipRanges>`
	if a := change(two); !strings.Contains(a, "<success>true") {
		t.Fatal(a)
	}
	want := `<ipRanges><description>office</description><end>10.0.0.9</end><start>10.0.0.1</start></ipRanges><ipRanges><end>2001:db8::ff</end><start>2001:db8::1</start></ipRanges>`
	if a := read(); !strings.Contains(a, want) {
		t.Errorf("ranges: %s", a)
	}
	for fields, says := range map[string]string{
		`<ipRanges><start>10.0.0.9</start><end>10.0.0.1</end></ipRanges>`:                                       "is no range",
		`<ipRanges><start>10.0.0.1</start><end>10.0.0.2</end><port>1</port></ipRanges>`:                         "ipRanges.port",
		`<ipRanges><start>` + strings.Repeat("1", 60) + `</start><end>10.0.0.1</end></ipRanges>`:                "is no range",
		`<label>X</label><ipRanges><start>10.0.0.1</start><startIpAddress>10.0.0.1</startIpAddress></ipRanges>`: "is no range",
	} {
		if a := change(fields); !strings.Contains(a, says) || strings.Contains(a, "<success>true") {
			t.Errorf("%s: %s", fields, a)
		}
	}
	if a := change("<description>else</description>"); !strings.Contains(a, "<success>true") || !strings.Contains(read(), want) {
		t.Errorf("another change took the ranges away: %s", a)
	}
	if got := h.find(t, "SELECT Display FROM SetupAuditTrail WHERE Action = 'changedConnectedApp' ORDER BY CreatedDate LIMIT 1"); !strings.Contains(got, "Allow-Listed IP Ranges from none to 10.0.0.1-10.0.0.9, 2001:db8::1-2001:db8::ff") {
		t.Errorf("the trail: %s", got)
	}
	if a := change("<ipRanges/>"); !strings.Contains(a, "<success>true") || strings.Contains(read(), "ipRanges") {
		t.Errorf("taking them away: %s", a)
	}
}
