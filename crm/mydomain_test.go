package crm_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// at is the house under another name, which leads to the same listener.
func (h *house) at(t *testing.T, name string) (base string, p *person) {
	t.Helper()
	u, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	p = h.person(t)
	p.client.Transport = &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, u.Host)
	}}
	t.Cleanup(p.client.CloseIdleConnections)
	there := *h
	there.url = "http://" + name + ":" + u.Port()
	p.h = &there
	return there.url, p
}

// A sign-in at a My Domain that ends in another org is refused with both names; where the org says so, its own name is
// the only door.
func TestMyDomain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		_, other := h.bare(t) // an administrator of another org
		own := h.spec.MyDomain + ".my.localhost"
		_, p := h.at(t, own)
		if status, page := p.signIn(t, h.spec.Users[0].Username, "admin-pw-1"); status != 200 || !strings.Contains(page, h.spec.Users[0].Username) || strings.Contains(page, "not logged in") {
			t.Fatalf("at the own My Domain: %d %s", status, page)
		}
		_, stranger := h.at(t, own)
		_, page := stranger.signIn(t, other, "admin-pw-1")
		if !strings.Contains(page, "You are a user of Org of ") || !strings.Contains(page, "This is "+own+", another org") || strings.Count(page, ".my.localhost") < 2 {
			t.Errorf("a user of another org: %s", page)
		}
		if _, page := stranger.signIn(t, other, "wrong-pw-1"); strings.Contains(page, "another org") || !strings.Contains(page, "Check your username and password") {
			t.Errorf("with a wrong password: %s", page)
		}
		soap := func(base *person, username, password string) string {
			t.Helper()
			res, err := base.client.Post(base.h.url+"/services/Soap/u/50.0", "text/xml", strings.NewReader(
				`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><login xmlns="urn:partner.soap.sforce.com"><username>`+username+
					`</username><password>`+password+`</password></login></e:Body></e:Envelope>`))
			if err != nil {
				t.Fatal(err)
			}
			_, answer := finish(t, res)
			if strings.Contains(answer, "<sessionId>") {
				return ""
			}
			return between(answer, "<sf:exceptionCode>", "</sf:exceptionCode>")
		}
		if got := soap(stranger, other, "admin-pw-1TOKEN"); got != "INVALID_LOGIN" {
			t.Errorf("by SOAP a user of another org: %q", got)
		}
		if got := soap(p, h.spec.Users[0].Username, "admin-pw-1TOKEN"); got != "" {
			t.Errorf("by SOAP at the own My Domain: %q", got)
		}

		// The generic address works until the org closes it, for browsers and programs apart.
		h.wantLogin(t, h.spec.Users[1].Username, "user-pw-1TOKEN", "")
		h.set(t, "MyDomainSettings", "<doesApiLoginRequireOrgDomain>true</doesApiLoginRequireOrgDomain>")
		h.wantLogin(t, h.spec.Users[1].Username, "user-pw-1TOKEN", "INVALID_LOGIN")
		_, rows := h.query(t, h.admin, "SELECT Status FROM LoginHistory WHERE UserId = '"+h.one(t, "SELECT Id FROM User WHERE LastName = 'Normal'")+"' ORDER BY LoginTime DESC LIMIT 1")
		if rows[0]["Status"] != "No Salesforce.com Access" {
			t.Errorf("history: %v", rows)
		}
		if got := soap(p, h.spec.Users[1].Username, "user-pw-1TOKEN"); got != "" {
			t.Errorf("by SOAP at the own My Domain: %q", got)
		}
		if _, page := h.person(t).signIn(t, h.spec.Users[1].Username, "user-pw-1"); strings.Contains(page, "not logged in") {
			t.Errorf("a browser at the generic address: %s", page)
		}
		if status, page := p.post(t, "/setup/my-domain", "canOnlyLoginWithMyDomainUrl", "true"); status != 200 || !strings.Contains(page, "saved") {
			t.Errorf("%d %s", status, page)
		}
		if _, page := h.person(t).signIn(t, h.spec.Users[1].Username, "user-pw-1"); !strings.Contains(page, "log in at its My Domain, "+own+", and not at 127.0.0.1") {
			t.Errorf("a browser at the generic address, closed: %s", page)
		}
		if _, answer := h.metadata(t, h.admin, "<readMetadata><type>MyDomainSettings</type><fullNames>MyDomain</fullNames></readMetadata>"); !strings.Contains(answer, "<canOnlyLoginWithMyDomainUrl>true</canOnlyLoginWithMyDomainUrl>") {
			t.Errorf("read back: %s", answer)
		}
		if got := strings.Join(h.trail(t, "My Domain"), "\n"); strings.Count(got, "from false to true") != 2 {
			t.Errorf("the trail: %s", got)
		}
	})
}
