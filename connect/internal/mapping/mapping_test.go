package mapping_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := link.Link{Pair: "p", Params: link.Params{EID: 700}, Tenant: link.TenantSpan{State: link.SpanUp, Username: "mc-api-user", UserID: "9"}}
	v := signin.Visitor{Pair: "p", OrgID: "00D", UserID: "005", Username: "ann@x.example", Name: "Ann"}
	m, err := mapping.Decide(l, v, link.TenantUser{EID: 700, MID: 701, UserID: "10", Username: "ann.mc", Name: "Ann MC"}, false, now)
	want := mapping.Mapping{Pair: "p", CRMUserID: "005", CRMUsername: "ann@x.example", CRMName: "Ann", EngagementUserID: "10", EngagementUser: "ann.mc", EngagementName: "Ann MC", MID: 701, CreatedAt: now, Era: link.JWT}
	if err != nil || m != want {
		t.Errorf("%+v, %v", m, err)
	}
	for name, c := range map[string]struct {
		found link.TenantUser
		code  fault.Code
	}{
		"API user":            {link.TenantUser{EID: 700, UserID: "9", Username: "mc-api-user"}, mapping.CodeAPIUser},
		"API user, renamed":   {link.TenantUser{EID: 700, UserID: "9", Username: "renamed"}, mapping.CodeAPIUser},
		"API user by case":    {link.TenantUser{EID: 700, UserID: "8", Username: "MC-API-User"}, mapping.CodeAPIUser},
		"another enterprise":  {link.TenantUser{EID: 701, UserID: "10", Username: "ann.mc"}, mapping.CodeWrongEnterprise},
		"no enterprise known": {link.TenantUser{UserID: "10", Username: "ann.mc"}, mapping.CodeWrongEnterprise},
	} {
		if _, err := mapping.Decide(l, v, c.found, false, now); fault.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Somebody who is asked may mean it; nobody can mean another enterprise.
	apiUser := link.TenantUser{EID: 700, MID: 701, UserID: "9", Username: "mc-api-user"}
	if m, err := mapping.Decide(l, v, apiUser, true, now); err != nil || m.EngagementUserID != "9" || mapping.Notice(l, m) != mapping.CodeAPIUser {
		t.Errorf("meant: %+v, %v", m, err)
	}
	if _, err := mapping.Decide(l, v, link.TenantUser{EID: 1, UserID: "10"}, true, now); fault.CodeOf(err) != mapping.CodeWrongEnterprise {
		t.Errorf("another enterprise, meant: %v", err)
	}
	// The system user belongs to the API user and to nobody else.
	l.Org.UserID = v.UserID
	if m, err := mapping.Decide(l, v, apiUser, false, now); err != nil || mapping.Notice(l, m) != "" {
		t.Errorf("system user and API user: %+v, %v", m, err)
	}
	if _, err := mapping.Decide(l, v, link.TenantUser{EID: 700, UserID: "10", Username: "ann.mc"}, false, now); fault.CodeOf(err) != mapping.CodeSystemUser || !mapping.Unusual(err) {
		t.Errorf("system user and a person: %v", err)
	}
	l.Org.UserID = ""
	// Before the tenant span stands there is no API user to mistake anybody for.
	l.Tenant = link.TenantSpan{State: link.SpanDown}
	if _, err := mapping.Decide(l, v, link.TenantUser{EID: 700, UserID: "10", Username: "ann.mc"}, false, now); err != nil {
		t.Error(err)
	}
}
