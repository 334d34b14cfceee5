package sqlstore_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// stored is a session of the org's normal user.
func stored(o orgtest.Org, id int64) org.StoredSession {
	return org.StoredSession{
		Session: org.Session{
			ID: id, Org: o.ID, User: o.Normal.User, App: o.App, Scopes: []string{"api", "id"}, Type: org.SessionOAuth2,
			Created: orgtest.Start, Expires: orgtest.Start.Add(time.Hour), Timeout: time.Hour,
		},
		Hash: sha256.Sum256([]byte(fmt.Sprint(id))),
	}
}

func event(o orgtest.Org, id int64) org.LoginEvent {
	return org.LoginEvent{
		ID: org.NumberID(org.PrefixLoginHistory, id), Org: o.ID, User: o.Normal.User, Time: orgtest.Start, Type: org.LoginTypeOAuth,
		Subtype: org.SubtypeJWTBearer, Status: org.StatusSuccess,
	}
}

func mustFind(t *testing.T, s *sqlstore.Store, id int64) org.StoredSession {
	t.Helper()
	got, err := s.SessionByID(t.Context(), id)
	if err != nil {
		t.Fatalf("session %d: %v", id, err)
	}
	return got
}

// number is one of the day that the tests play in, as the server would draw it.
func number(n int64) int64 { return org.LastNumber(orgtest.Start) - 1000 + n }

func TestSessionsAreKept(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "acme")
		s := h.Store
		ctx := t.Context()
		for _, tc := range []struct {
			name   string
			change func(*org.StoredSession)
		}{
			{"OAuth", func(*org.StoredSession) {}},
			{"SOAP", func(ss *org.StoredSession) { ss.Scopes, ss.App, ss.Type = nil, "", org.SessionAPI }},
			{"no scopes at all", func(ss *org.StoredSession) { ss.Scopes = []string{} }},
		} {
			want := stored(o, number(int64(len(tc.name))))
			tc.change(&want)
			if err := s.AddSession(ctx, want, event(o, want.ID)); err != nil {
				t.Fatal(err)
			}
			got := mustFind(t, s, want.ID)
			if got.Hash != want.Hash || got.Ended || !got.Created.Equal(want.Created) || !got.Expires.Equal(want.Expires) || got.Timeout != want.Timeout ||
				got.User != want.User || got.App != want.App || got.Type != want.Type || !slices.Equal(got.Scopes, want.Scopes) || (got.Scopes == nil) != (want.Scopes == nil) {
				t.Errorf("%s: %+v, want %+v", tc.name, got, want)
			}
			if err := s.AddSession(ctx, want, event(o, want.ID+100)); fault.CodeOf(err) != org.CodeNumberTaken {
				t.Errorf("%s: a number that is taken: %v", tc.name, err)
			}
		}
		if _, err := s.SessionByID(ctx, 1); fault.KindOf(err) != fault.NotFound {
			t.Errorf("missing: %v", err)
		}
	})
}

func TestSessionsExtendAndEnd(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "acme")
		s, ctx := h.Store, t.Context()
		ss := stored(o, number(1))
		if err := s.AddSession(ctx, ss, event(o, ss.ID)); err != nil {
			t.Fatal(err)
		}
		later := ss.Expires.Add(time.Minute)
		for _, at := range []time.Time{later, ss.Expires} { // the second would move it back
			if err := s.ExtendSession(ctx, ss.ID, at); err != nil {
				t.Fatal(err)
			}
			if got := mustFind(t, s, ss.ID); !got.Expires.Equal(later) {
				t.Errorf("expires %v, want %v", got.Expires, later)
			}
		}
		for range 2 {
			if err := s.EndSession(ctx, ss.ID, orgtest.Start); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.ExtendSession(ctx, ss.ID, later.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if got := mustFind(t, s, ss.ID); !got.Ended || !got.Expires.Equal(later) {
			t.Errorf("an ended session was woken: %+v", got)
		}
	})
}

func TestSessionsOfAUserEndTogether(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "acme")
		s, ctx := h.Store, t.Context()
		g := org.Grant{ID: number(2), Org: o.ID, User: o.Normal.User, App: o.App, Scopes: []string{"api", "refresh_token"}, Created: orgtest.Start}
		if _, err := s.AddCode(ctx, code(o, number(1)), &g); err != nil {
			t.Fatal(err)
		}
		mine, other := stored(o, number(5000)), stored(o, number(5001)) // drawn by a clock that was set back since
		other.User = o.Admin.User
		for _, ss := range []org.StoredSession{mine, other} {
			if err := s.AddSession(ctx, ss, event(o, ss.ID)); err != nil {
				t.Fatal(err)
			}
		}
		err := s.DB().Write(ctx, func(tx *sqldb.Tx) error { return sqlstore.EndUserSessions(tx, o.ID, o.Normal.User, orgtest.Start) })
		if err != nil {
			t.Fatal(err)
		}
		if !mustFind(t, s, mine.ID).Ended || mustFind(t, s, other.ID).Ended {
			t.Error("the wrong sessions ended")
		}
		if got, err := s.Grant(ctx, g.ID); err != nil || !got.Revoked {
			t.Errorf("the user's grant: %+v %v", got, err)
		}
		if scopes, err := s.ApprovedScopes(ctx, o.ID, o.Normal.User, o.App); err != nil || scopes != nil {
			t.Errorf("approved %v %v", scopes, err)
		}
		next := stored(o, number(6000))
		if err := s.AddSession(ctx, next, event(o, next.ID)); err != nil || mustFind(t, s, next.ID).Ended {
			t.Errorf("a session after that: %v", err)
		}
	})
}
