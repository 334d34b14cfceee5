package link_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

var (
	now    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	params = link.Params{Standing: link.Embedded, CRMURL: "http://org", ConsumerKey: "key", ConsoleClientID: "console", AuthURL: "http://auth", PackageClientID: "package", EID: 700}
	org    = link.OrgUser{OrgID: "00D1", UserID: "0051", Username: "System@X.example"}
	api    = link.TenantUser{EID: 700, MID: 700, UserID: "9", Username: "mc-api-user"}
)

func connected(t *testing.T) link.Link {
	t.Helper()
	l := link.Link{Pair: "p", Params: params, Org: link.OrgSpan{State: link.SpanDown}, Tenant: link.TenantSpan{State: link.SpanDown}}
	l, err := l.ConnectOrg("system@x.example", org, link.JWT, time.Time{}, now)
	if err != nil {
		t.Fatal(err)
	}
	l, err = l.ConnectTenant("MC-API-USER", 0, api, link.JWT, link.PackageClient{}, time.Time{}, now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestStates(t *testing.T) {
	t.Parallel()
	up, down, broken := link.SpanUp, link.SpanDown, link.SpanBroken
	for _, c := range []struct {
		org, tenant link.SpanState
		want        link.State
	}{
		{down, down, link.NotConnected},
		{up, down, link.OrgConnected},
		{down, up, link.TenantConnected},
		{up, up, link.Connected},
		{broken, up, link.Broken},
		{up, broken, link.Broken},
		{broken, down, link.Broken},
		{"", "", link.NotConnected},
	} {
		if got := (link.Link{Org: link.OrgSpan{State: c.org}, Tenant: link.TenantSpan{State: c.tenant}}).State(); got != c.want {
			t.Errorf("%s + %s = %s, want %s", c.org, c.tenant, got, c.want)
		}
	}
}

func TestConnect(t *testing.T) {
	t.Parallel()
	l := connected(t)
	if l.State() != link.Connected || l.Org.Username != org.Username || l.Tenant.MID != 700 || l.Ready() != nil {
		t.Fatalf("%+v", l)
	}
	elsewhere := org
	elsewhere.OrgID = "00D2"
	if _, err := l.ConnectOrg(org.Username, elsewhere, link.JWT, time.Time{}, now); fault.CodeOf(err) != link.CodeWrongAccount {
		t.Errorf("another org: %v", err)
	}
	if after, err := l.ConnectOrg("ann@x.example", org, link.JWT, time.Time{}, now); fault.CodeOf(err) != link.CodeWrongUser || after != l {
		t.Errorf("another user: %v", err)
	}
	for name, c := range map[string]struct {
		named string
		mid   int64
		eid   int64
		code  fault.Code
	}{
		"another user": {"other", 0, 700, link.CodeWrongUser}, "another enterprise": {"mc-api-user", 0, 701, link.CodeWrongAccount},
		"another unit": {"mc-api-user", 701, 700, link.CodeWrongAccount}, "the unit": {"mc-api-user", 700, 700, ""},
	} {
		found := api
		found.EID = c.eid
		_, err := l.ConnectTenant(c.named, c.mid, found, link.JWT, link.PackageClient{}, time.Time{}, now)
		if fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
		if c.code == link.CodeWrongUser && (!strings.Contains(fault.Of(err).Message, "mc-api-user") || !strings.Contains(fault.Of(err).Message, "other")) {
			t.Errorf("the refusal does not name both: %v", err)
		}
	}
	for _, part := range []link.Link{{}, {Org: l.Org}, {Tenant: l.Tenant}} {
		if fault.CodeOf(part.Ready()) != link.CodeNotConnected {
			t.Errorf("%+v is ready", part)
		}
	}
}

func TestRevise(t *testing.T) {
	t.Parallel()
	l := connected(t)
	moved := params
	moved.CRMURL, moved.AuthURL, moved.ConsoleClientID, moved.ConnectedApp = "http://other", "http://other-auth", "c2", "App"
	if got := l.Revise(moved); got.State() != link.Connected || got.Params != moved {
		t.Errorf("other addresses: %+v", got)
	}
	for name, change := range map[string]func(*link.Params){"key": func(p *link.Params) { p.ConsumerKey = "x" }, "package": func(p *link.Params) { p.PackageClientID = "x" }, "eid": func(p *link.Params) { p.EID = 1 }} {
		p := params
		change(&p)
		got := l.Revise(p)
		if orgDown, tenantDown := got.Org.State == link.SpanDown, got.Tenant.State == link.SpanDown; orgDown != (name == "key") || tenantDown != (name != "key") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestBrokeAndMended(t *testing.T) {
	t.Parallel()
	l := connected(t)
	cause := link.Cause{Code: "invalid_grant", Text: "gone"}
	for _, d := range []link.Direction{link.IntoOrg, link.IntoTenant} {
		b, changed := l.Broke(d, cause)
		if !changed || b.State() != link.Broken {
			t.Errorf("%s: %+v", d, b)
		}
		if _, again := b.Broke(d, cause); again {
			t.Errorf("%s broke twice for the same cause", d)
		}
		m, changed := b.Mended(d)
		if !changed || m != l {
			t.Errorf("%s mended: %+v", d, m)
		}
		if _, again := l.Mended(d); again {
			t.Errorf("%s was mended while whole", d)
		}
	}
	if _, changed := (link.Link{Org: link.OrgSpan{State: link.SpanDown}}).Broke(link.IntoOrg, cause); changed {
		t.Error("a span that never was up broke")
	}
}

func TestCheckUsername(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"u@x.example": true, "mc api": true, "": false, " u": false, "u ": false, "u\r\n": false, "u\x00": false, strings.Repeat("u", 256): false} {
		if err := link.CheckUsername(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
