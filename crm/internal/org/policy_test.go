package org_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestGrantScopes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ have, asked, want string }{
		{"api web", "", "api web"},
		{"api web", "web", "web"},
		{"api web", "web api web", "web api"},
		{"api refresh_token", "offline_access", "offline_access"},
		{"offline_access", "refresh_token", "refresh_token"},
		{"full", "api id openid", "api id openid"},
		{"id", "profile email", "profile email"},
		{"api", "full", "!"},
		{"api", "web", "!"},
		{"full", "refresh_token", "!"},
		{"full", "made_up", "!"},
		{"api", "profile", "!"},
		{"api", "API", "!"},
		{"", "api", "!"},
		{"api", strings.Repeat("api ", 3), "api"},
	} {
		got, err := org.GrantScopes(org.ConnectedApp{Scopes: strings.Fields(tc.have)}, tc.asked)
		if tc.want == "!" {
			if fault.CodeOf(err) != org.CodeInvalidScope {
				t.Errorf("%q of %q: %v, %v, want refused", tc.asked, tc.have, got, err)
			}
			continue
		}
		if err != nil || !slices.Equal(got, strings.Fields(tc.want)) {
			t.Errorf("%q of %q: %v, %v, want %q", tc.asked, tc.have, got, err, tc.want)
		}
	}
}

func TestRefreshTokenPolicyExpires(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	used := created.AddDate(0, 0, 10)
	for _, tc := range []struct {
		policy  org.RefreshTokenPolicy
		after   time.Duration // since created
		expired bool
	}{
		{org.RefreshInfinite, 100 * 365 * 24 * time.Hour, false},
		{"", 100 * 365 * 24 * time.Hour, false},
		{org.RefreshZero, 0, true},
		{"specific_lifetime:36:HOURS", 36*time.Hour - time.Millisecond, false},
		{"specific_lifetime:36:HOURS", 36 * time.Hour, true},
		{"specific_inactivity:30:DAYS", 40*24*time.Hour - time.Millisecond, false},
		{"specific_inactivity:30:DAYS", 40 * 24 * time.Hour, true},
		{"specific_inactivity:1:MONTHS", 40*24*time.Hour - time.Millisecond, false},
		{"nonsense", 0, true},
	} {
		if got := tc.policy.Expired(created, used, created.Add(tc.after)); got != tc.expired {
			t.Errorf("%s after %v: expired %v", tc.policy, tc.after, got)
		}
	}
}

func TestSessionTimeoutOrder(t *testing.T) {
	t.Parallel()
	o := org.Org{Settings: org.Settings{SessionTimeoutMinutes: 30}}
	app := &org.App{}
	if got := org.SessionTimeout(o, org.User{}, app); got != 30*time.Minute {
		t.Errorf("org's: %v", got)
	}
	app.SessionTimeoutMinutes = 15
	if got := org.SessionTimeout(o, org.User{SessionTimeoutMinutes: 60}, app); got != 15*time.Minute {
		t.Errorf("app's: %v", got)
	}
	if got := org.SessionTimeout(o, org.User{SessionTimeoutMinutes: 60}, nil); got != time.Hour {
		t.Errorf("the profile's comes before the org's: %v", got)
	}
	if got := org.SessionTimeout(org.Org{}, org.User{}, nil); got != 2*time.Hour {
		t.Errorf("default: %v", got)
	}
}

func TestNumbersGrowAndDiffer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	n := org.NewNumbers(func() time.Time { return now })
	last := int64(0)
	var ids []string
	for i := range 5000 {
		switch i {
		case 2000:
			now = now.Add(-time.Hour) // the clock is set back
		case 3000:
			now = now.Add(2 * time.Hour)
		}
		got := n.Next()
		if got <= last {
			t.Fatalf("number %d is not greater than %d", got, last)
		}
		last = got
		ids = append(ids, string(org.NumberID(org.PrefixLoginHistory, got)))
	}
	if !slices.IsSorted(ids) {
		t.Error("ids do not sort as their numbers")
	}
	if id, err := org.ParseID(ids[0]); err != nil || string(id) != ids[0] {
		t.Errorf("%q is no id: %v", ids[0], err)
	}
	now = now.Add(time.Minute)
	if got := n.Next(); got > org.LastNumber(now) || got <= org.LastNumber(now.Add(-time.Millisecond)) {
		t.Error("LastNumber is not the last of its millisecond")
	}
}

func FuzzSecrets(f *testing.F) {
	token, _ := org.NewRefreshToken(1 << 60)
	code, _ := org.NewAuthCode(77)
	for _, s := range []string{token, code, "", "5Aep861", "aPrx==", strings.Repeat("z", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, c := org.RefreshNumber(s), org.AuthCodeNumber(s)
		if r < -1 || c < -1 || r >= 0 && c >= 0 {
			t.Errorf("%q has numbers %d and %d", s, r, c)
		}
		if g := (org.Grant{}); g.Matches(s) {
			t.Errorf("%q matches a grant without a refresh token", s)
		}
	})
}

func TestSecretsCarryTheirNumber(t *testing.T) {
	t.Parallel()
	for _, n := range []int64{0, 1, 61, 62, 1<<41 + 12345, 1<<63 - 1} {
		token, hash := org.NewRefreshToken(n)
		if got := org.RefreshNumber(token); got != n || !(org.Grant{RefreshHash: hash}).Matches(token) {
			t.Errorf("refresh token of %d says %d", n, got)
		}
		code, sum := org.NewAuthCode(n)
		if got := org.AuthCodeNumber(code); got != n || !(org.AuthCode{Hash: sum}).Matches(code) {
			t.Errorf("code of %d says %d", n, got)
		}
		if other, _ := org.NewRefreshToken(n); other == token || (org.Grant{RefreshHash: hash}).Matches(other) {
			t.Error("two refresh tokens of one number are equal")
		}
	}
}
