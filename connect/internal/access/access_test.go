package access_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// TestSessionsEnd: by domain time after SessionLife, by machine time after IdleLife, and with another org.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := access.Session{Person: access.Person{Cloud: access.ByOrg, OrgID: "00D1"}, Expires: now.Add(access.SessionLife), Seen: now}
	tenant := s
	tenant.Person = access.Person{Cloud: access.ByEngagement}
	for name, c := range map[string]struct {
		session      access.Session
		now, machine time.Duration
		org          string
		ends         bool
	}{
		"at once":                    {s, 0, 0, "00D1", false},
		"org not connected":          {s, 0, 0, "", false},
		"another org":                {s, 0, 0, "00D2", true},
		"another org, by Engagement": {tenant, 0, 0, "00D2", false},
		"to the last moment":         {s, access.SessionLife - 1, access.IdleLife - 1, "00D1", false},
		"idle":                       {s, 0, access.IdleLife, "00D1", true},
		"over":                       {s, access.SessionLife, 0, "00D1", true},
		"a clock that was moved":     {s, 336 * time.Hour, 0, "00D1", true},
	} {
		err := c.session.Accept(now.Add(c.now), now.Add(c.machine), c.org)
		if (err != nil) != c.ends || err != nil && fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRoles: an admin may everything, the others what is named; what is missing is said in the words of the org.
func TestRoles(t *testing.T) {
	t.Parallel()
	var l link.Link
	l.Standing = link.Embedded
	for _, c := range []struct {
		role    access.Role
		allowed []access.Role
		may     bool
	}{
		{access.Admin, nil, true},
		{access.Admin, []access.Role{access.Engagement}, true},
		{access.User, nil, false},
		{access.User, []access.Role{access.User}, true},
		{access.Engagement, []access.Role{access.User, access.Engagement}, true},
		{access.Reader, []access.Role{access.Engagement}, false},
		{access.Nobody, nil, false},
		{access.Nobody, []access.Role{access.Nobody}, true},
	} {
		if err := c.role.Require(l, c.allowed...); (err == nil) != c.may || err != nil && fault.CodeOf(err) != access.CodeRoleRequired {
			t.Errorf("%q of %q: %v", c.role, c.allowed, err)
		}
	}
	err := access.User.Require(l, access.Engagement)
	if text := fault.Of(err).Message; text != "This needs the role Marketing Cloud for AppExchange Admin or Marketing Cloud Administrator; you have Marketing Cloud for AppExchange User." {
		t.Error(text)
	}
	l.Standing = link.OwnLink // there is no package, and so no box
	if text := fault.Of(access.User.Require(l)).Message; text != "This needs the role Twinspan Admin; you have Twinspan User." {
		t.Error(text)
	}
}

// TestFormToken: the token belongs to the cookie, and says nothing of it.
func TestFormToken(t *testing.T) {
	t.Parallel()
	token := access.FormToken("cookie")
	if err := access.CheckForm("cookie", token); err != nil || strings.Contains(token, "cookie") {
		t.Error(err)
	}
	for _, wrong := range []string{"", token[1:], access.FormToken("another"), strings.ToUpper(token)} {
		if err := access.CheckForm("cookie", wrong); fault.CodeOf(err) != access.CodeForged {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if access.CookieName(true) == access.CookieName(false) || !strings.HasPrefix(access.CookieName(true), "__Host-") {
		t.Error("the cookie's name")
	}
}

// TestTokensEnd: at their time, and when they are revoked.
func TestTokensEnd(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	live := access.Token{Expires: now.Add(time.Hour)}
	revoked := live
	revoked.Revoked = now
	for name, c := range map[string]struct {
		token access.Token
		at    time.Time
		ends  bool
	}{
		"live": {live, now, false}, "over": {live, now.Add(time.Hour), true}, "revoked": {revoked, now, true},
	} {
		if err := c.token.Accept(c.at); (err != nil) != c.ends {
			t.Errorf("%s: %v", name, err)
		}
	}
}
