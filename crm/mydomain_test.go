package crm_test

import (
	"context"
	"encoding/json"
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

// postXML is a SOAP login.
func (p *person) postXML(t *testing.T, path, username, password string) (int, string) {
	t.Helper()
	res, err := p.client.Post(p.h.url+path, "text/xml", strings.NewReader(
		`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><login xmlns="urn:partner.soap.sforce.com"><username>`+username+
			`</username><password>`+password+`</password></login></e:Body></e:Envelope>`))
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, res)
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
			_, answer := base.postXML(t, "/services/Soap/u/50.0", username, password)
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

// A new name of the My Domain is what the org tells clients (urls.custom_domain); browsers that call the former one are sent
// there, where the org does not say otherwise, and programs are refused.
func TestMyDomainIsRenamed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		former, present := h.spec.MyDomain, "new-"+h.spec.MyDomain
		domain := func() any {
			_, answer := h.call(t, h.admin, "GET", "/services/oauth2/userinfo", nil)
			var info struct {
				URLs map[string]any `json:"urls"`
			}
			if err := json.Unmarshal([]byte(answer), &info); err != nil {
				t.Fatal(err, answer)
			}
			return info.URLs["custom_domain"]
		}
		if got := domain(); got != h.url {
			t.Errorf("before one is set the org sends people to %v", got)
		}
		for name, want := range map[string]string{"-x": "is no name of a My Domain", "a--b": "is no name", "müll": "is no name", strings.Repeat("a", 35): "is no name"} {
			if _, answer := h.metadata(t, h.admin, "<updateMetadata><metadata xsi:type=\"MyDomainSettings\"><fullName>MyDomain</fullName><myDomainName>"+name+"</myDomainName></metadata></updateMetadata>"); !strings.Contains(answer, want) {
				t.Errorf("%s: %s", name, answer)
			}
		}
		h.set(t, "MyDomainSettings", "<myDomainName>"+strings.ToUpper(present)+"</myDomainName>")
		port := h.url[strings.LastIndex(h.url, ":"):]
		at := "http://" + present + ".my.localhost" + port
		if got := domain(); got != at {
			t.Errorf("the org sends people to %v, want %s", got, at)
		}
		_, p := h.at(t, former+".my.localhost")
		p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		leads := func(path string) string {
			t.Helper()
			res, err := p.client.Get(p.h.url + path)
			if err != nil {
				t.Fatal(err)
			}
			finish(t, res)
			return res.Header.Get("Location")
		}
		for _, path := range []string{"/", "/login?startURL=%2Fsetup%2Fusers", "/services/oauth2/authorize?response_type=code&client_id=x"} {
			if got := leads(path); got != at+path {
				t.Errorf("%s leads to %q", path, got)
			}
		}
		if got := leads("/secur/forgotpassword.jsp"); got != "" {
			t.Errorf("a form leads to %q", got)
		}
		// Nobody logs in by the former name, not even without a page.
		_, q := h.at(t, former+".my.localhost")
		status, answer := q.postXML(t, "/services/Soap/u/50.0", h.spec.Users[0].Username, "admin-pw-1TOKEN")
		if status == http.StatusOK || !strings.Contains(answer, "INVALID_LOGIN") {
			t.Errorf("by SOAP at the former name: %d %s", status, answer)
		}
		h.set(t, "MyDomainSettings", "<redirectPreviousMyDomain>false</redirectPreviousMyDomain>")
		if got := leads("/login"); got != "" {
			t.Errorf("the former name leads to %q, and shall not", got)
		}
		if _, page := q.signIn(t, h.spec.Users[0].Username, "admin-pw-1"); !strings.Contains(page, "is "+present+".my.localhost now") {
			t.Errorf("a sign-in at the former name: %s", page)
		}
		if got := h.trail(t, "My Domain"); len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), "from "+former+" to "+present) {
			t.Errorf("the trail: %q", got)
		}
		// A name that another org has is not to be had; the former one is.
		other, _ := h.bare(t)
		if _, answer := h.metadata(t, other, "<updateMetadata><metadata xsi:type=\"MyDomainSettings\"><fullName>MyDomain</fullName><myDomainName>"+present+"</myDomainName></metadata></updateMetadata>"); !strings.Contains(answer, "is taken by another org") {
			t.Errorf("a name that is taken: %s", answer)
		}
		if _, answer := h.metadata(t, other, "<updateMetadata><metadata xsi:type=\"MyDomainSettings\"><fullName>MyDomain</fullName><myDomainName>"+former+"</myDomainName></metadata></updateMetadata>"); !strings.Contains(answer, "<success>true</success>") {
			t.Errorf("the former name: %s", answer)
		}
	})
}
