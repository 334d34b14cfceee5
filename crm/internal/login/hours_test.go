package login_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// hours gives the profile Standard User login hours, as the profile's column keeps them; "{}" takes them away.
func (h *house) hours(json string) {
	h.t.Helper()
	if n, err := h.exec(`UPDATE profile SET login_hours = $3 WHERE org_id = $1 AND name = $2`, string(h.org.id), org.StandardUserProfile, json); err != nil || n != 1 {
		h.t.Fatal(n, err)
	}
	h.login.SetupChanged(h.org.id)
}

const everyDay = `{"sunday":{"start":480,"end":1080},"monday":{"start":480,"end":1080},"tuesday":{"start":480,"end":1080},"wednesday":{"start":480,"end":1080},` +
	`"thursday":{"start":480,"end":1080},"friday":{"start":480,"end":1080},"saturday":{"start":480,"end":1080}}`

// TestSessionsEndWithTheLoginHours: whoever is logged in when his hours end can do nothing more, by whatever door he came,
// and is not in again when they begin anew.
func TestSessionsEndWithTheLoginHours(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		if _, err := h.exec(`UPDATE organization SET time_zone_sid_key = 'Europe/Berlin' WHERE id = $1`, string(h.org.id)); err != nil {
			t.Fatal(err)
		}
		h.hours(everyDay) // 8 to 18 there; it is 14 o'clock
		b := h.browser()
		b.signIn(b.get("/login"), h.org.user, userPassword)
		oauthToken, soapToken := h.bearerToken(), h.soapLogin("50.0", h.org.user, userPassword+securityToken).tag("sessionId")
		expiry := func(token string) time.Time {
			t.Helper()
			s, err := h.login.Authenticate(t.Context(), token, here)
			if err != nil {
				t.Fatal(err)
			}
			return s.Expires
		}
		if got := expiry(oauthToken); !got.Equal(start.Add(2 * time.Hour)) {
			t.Errorf("at two o'clock a session reaches to %v", got)
		}
		for range 3 {
			h.advance(time.Hour)
			if !h.live(oauthToken) || !h.live(soapToken) || b.get("/").status != 200 {
				t.Fatal("used sessions ended")
			}
		}
		if got := expiry(oauthToken); !got.Equal(start.Add(4 * time.Hour)) {
			t.Errorf("at five o'clock a session reaches to %v, not to six", got)
		}
		late := h.bearerToken()
		if got := expiry(late); !got.Equal(start.Add(4 * time.Hour)) {
			t.Errorf("one made at five reaches to %v", got)
		}
		h.advance(time.Hour - time.Second)
		if !h.live(oauthToken) || !h.live(soapToken) {
			t.Error("a session ended before the hours")
		}
		h.advance(time.Second)
		for _, wait := range []time.Duration{0, 14 * time.Hour} { // six in the evening, eight in the morning
			h.advance(wait)
			for name, token := range map[string]string{"OAuth": oauthToken, "SOAP": soapToken, "late": late} {
				if h.live(token) {
					t.Errorf("%s: a session outlived the hours by %v", name, wait)
				}
			}
			if a := b.get("/"); a.hidden("tx") == "" {
				t.Errorf("the browser is still in: %v", a)
			}
		}
		// Hours that are set meanwhile act at once on sessions that are out, and do not end them.
		token := h.bearerToken()
		h.hours(`{"tuesday":{"start":0,"end":0}}`)
		if h.live(token) {
			t.Error("a session works outside new hours")
		}
		wantError(t, h.token("grant_type", jwtBearer, "assertion", h.assertion(nil)), 400, "invalid_grant", "ip restricted or invalid login hours")
		h.hours(`{}`)
		if !h.live(token) {
			t.Error("a session does not work when its hours are taken away")
		}
	})
}

// TestLoginHoursAcrossDays: where the hours go on behind midnight, so does the session.
func TestLoginHoursAcrossDays(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) { // start is Monday noon, in the org's own zone
		if _, err := h.exec(`UPDATE organization SET time_zone_sid_key = 'Etc/UTC', settings = '{"session_timeout_minutes":1440}' WHERE id = $1`, string(h.org.id)); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			hours string
			want  time.Duration
		}{
			"till six":                    {`{"monday":{"start":0,"end":1080}}`, 6 * time.Hour},
			"all day, then none":          {`{"monday":{"start":0,"end":1440},"tuesday":{"start":0,"end":0}}`, 12 * time.Hour},
			"all day, then from eight":    {`{"tuesday":{"start":480,"end":1080}}`, 12 * time.Hour},
			"over midnight to three":      {`{"monday":{"start":600,"end":1440},"tuesday":{"start":0,"end":180}}`, 15 * time.Hour},
			"only another day has hours":  {`{"friday":{"start":480,"end":1080}}`, 24 * time.Hour},
			"every day all day, by words": {`{"monday":{"start":0,"end":1440},"tuesday":{"start":0,"end":1440}}`, 24 * time.Hour},
		} {
			h.hours(c.hours)
			s, err := h.login.Authenticate(t.Context(), h.bearerToken(), here)
			if err != nil || !s.Expires.Equal(start.Add(c.want)) {
				t.Errorf("%s: to %v, %v, want %v", name, s.Expires, err, start.Add(c.want))
			}
		}
	})
}

// TestLastLoginDate moves with logins of every kind, a minute apart at least, and leaves the record as it was otherwise.
func TestLastLoginDate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		read := func() (last sql.NullInt64, modified int64) {
			t.Helper()
			if err := h.login.Stop(); err != nil { // writes what is noted
				t.Fatal(err)
			}
			err := h.store.DB().QueryRow(t.Context(), `SELECT last_login_date, system_modstamp FROM user_account WHERE org_id = $1 AND id = $2`, string(h.org.id), string(h.userID(h.org.user))).Scan(&last, &modified)
			if err != nil {
				t.Fatal(err)
			}
			return last, modified
		}
		want := func(what string, at time.Time) {
			t.Helper()
			if last, _ := read(); last.Int64 != at.UnixMilli() {
				t.Errorf("%s: %v, want %v", what, time.UnixMilli(last.Int64).UTC(), at)
			}
		}
		last, before := read()
		if last.Valid {
			t.Fatalf("before any login: %v", last)
		}
		h.soapLogin("50.0", h.org.user, "wrong")
		if last, _ := read(); last.Valid {
			t.Error("a refused login counts")
		}
		h.bearerToken()
		want("JWT bearer", start)
		h.advance(59 * time.Second)
		h.bearerToken()
		want("59 seconds later", start)
		h.advance(time.Second)
		h.soapLogin("50.0", h.org.user, userPassword+securityToken)
		want("SOAP", start.Add(time.Minute))
		h.advance(time.Hour)
		b := h.browser()
		b.signIn(b.get("/login"), h.org.user, userPassword)
		want("the page", start.Add(61*time.Minute))
		if _, after := read(); after != before {
			t.Error("a login changed SystemModstamp")
		}
		// An outage keeps it for later, and refuses no login.
		h.advance(time.Hour)
		if _, err := h.exec(`ALTER TABLE user_account RENAME COLUMN last_login_date TO gone`); err != nil {
			t.Fatal(err)
		}
		h.bearerToken()
		if err := h.login.Stop(); err == nil {
			t.Error("nobody was told")
		}
		if _, err := h.exec(`ALTER TABLE user_account RENAME COLUMN gone TO last_login_date`); err != nil {
			t.Fatal(err)
		}
		want("after an outage", start.Add(121*time.Minute))
	})
}
