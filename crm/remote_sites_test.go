package crm_test

import (
	"strings"
	"testing"
)

// TestRemoteSites: the sites that the org's code may call are the same by the Tooling API, by the Metadata API and on the page of
// Setup, with the same rules.
func TestRemoteSites(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		save := func(verb, name, fields string) string {
			t.Helper()
			_, answer := h.metadata(t, h.admin, "<"+verb+`Metadata><metadata xsi:type="RemoteSiteSetting"><fullName>`+name+"</fullName>"+fields+"</metadata></"+verb+"Metadata>")
			return answer
		}
		for name, c := range map[string]struct{ verb, site, fields, want string }{
			"nothing to change":        {"update", "Engagement", "<isActive>true</isActive>", "no RemoteSiteSetting named Engagement found"},
			"no address":               {"create", "Engagement", "<isActive>true</isActive>", "Required fields are missing: [EndpointUrl]"},
			"plain HTTP":               {"create", "Engagement", "<url>http://mc.example</url>", "is not secure"},
			"more than a host":         {"create", "Engagement", "<url>https://mc.example/path?q=1</url>", "must be http(s)://host"},
			"an element that is none":  {"create", "Engagement", "<url>https://mc.example</url><colour>red</colour>", "Property &#39;colour&#39;"},
			"a name that nobody takes": {"create", "Two words", "<url>https://mc.example</url>", "can only contain underscores"},
		} {
			if answer := save(c.verb, c.site, c.fields); strings.Contains(answer, "<success>true</success>") || !strings.Contains(answer, c.want) {
				t.Errorf("%s: %s", name, answer)
			}
		}
		const site = "<description>Marketing Cloud</description><disableProtocolSecurity>true</disableProtocolSecurity><isActive>true</isActive><url>http://mc.example</url>"
		if answer := save("create", "Engagement", site); !strings.Contains(answer, "<success>true</success>") {
			t.Fatal(answer)
		}
		if answer := save("upsert", "Engagement", "<isActive>false</isActive>"); !strings.Contains(answer, "<success>true</success>") {
			t.Fatal(answer)
		}
		_, answer := h.metadata(t, h.admin, "<readMetadata><type>RemoteSiteSetting</type><fullNames>engagement</fullNames></readMetadata>")
		if !strings.Contains(answer, strings.Replace(site, "<isActive>true", "<isActive>false", 1)) {
			t.Errorf("read: %s", answer)
		}
		if rows := h.toolingQuery(t, h.admin, "SELECT SiteName, IsActive FROM RemoteProxy"); len(rows) != 1 || rows[0]["SiteName"] != "Engagement" || rows[0]["IsActive"] != false {
			t.Errorf("by the Tooling API: %v", rows)
		}
		// The page.
		const page = "/setup/remote-site-settings"
		p := h.person(t)
		p.signIn(t, h.spec.Users[0].Username, "admin-pw-1")
		if status, body := p.get(t, page); status != 200 || !strings.Contains(body, "Engagement") || !strings.Contains(body, "http://mc.example") || !strings.Contains(body, "Activate") {
			t.Errorf("the page: %d %s", status, body)
		}
		if _, body := p.post(t, page, "do", "add_site", "site_name", "Second", "url", "http://second.example"); !strings.Contains(body, "There is a problem") || !strings.Contains(body, "Error: Remote Site URL is not secure") {
			t.Errorf("plain HTTP on the page: %s", body)
		}
		if _, body := p.post(t, page, "do", "add_site", "site_name", "Second", "url", "https://second.example"); !strings.Contains(body, "Your changes are saved") || !strings.Contains(body, "https://second.example") {
			t.Errorf("another site: %s", body)
		}
		id := func(name string) string {
			t.Helper()
			rows := h.toolingQuery(t, h.admin, "SELECT Id FROM RemoteProxy WHERE SiteName = '"+name+"'")
			if len(rows) != 1 {
				t.Fatal(name, rows)
			}
			return rows[0]["Id"].(string)
		}
		p.post(t, page, "do", "activate_site", "id", id("Engagement"))
		if rows := h.toolingQuery(t, h.admin, "SELECT Id FROM RemoteProxy WHERE IsActive = true"); len(rows) != 2 {
			t.Errorf("activated: %v", rows)
		}
		p.post(t, page, "do", "drop_site", "id", id("Second"))
		other := h.person(t)
		other.signIn(t, h.spec.Users[1].Username, "user-pw-1")
		if status, body := other.get(t, page); status != 403 {
			t.Errorf("who does not see Setup: %d %s", status, body)
		}
		if _, answer := h.metadata(t, h.admin, "<deleteMetadata><type>RemoteSiteSetting</type><fullNames>Engagement</fullNames></deleteMetadata>"); !strings.Contains(answer, "<success>true</success>") {
			t.Error(answer)
		}
		if rows := h.toolingQuery(t, h.admin, "SELECT Id FROM RemoteProxy"); len(rows) != 0 {
			t.Errorf("left: %v", rows)
		}
	})
}
