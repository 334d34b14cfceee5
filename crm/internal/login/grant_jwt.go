package login

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// jwtGrant is the JWT bearer grant (RFC 7523 section 2.1, crm-wire 1.5): the app's key signs for a user who is not there.
// The client shows who it is by the signature, so client_id and secret are not looked at.
type jwtGrant struct{ s *Server }

func (jwtGrant) subtype() string      { return org.SubtypeJWTBearer }
func (jwtGrant) anonymous() bool      { return true }
func (jwtGrant) secret(*org.App) bool { return false }

// allowed leaves the session of a self-authorize app the scopes that the user approved.
func (g jwtGrant) allowed(ctx context.Context, sub *subject) error {
	approved, err := g.s.known.AllowedUnasked(ctx, sub.user, sub.app)
	sub.scopes = org.WithoutRefresh(approved)
	return err
}

// Tolerances of an assertion's times, in the order of the security reference (JW-18 to JW-21).
const (
	assertionSkew     = 30 * time.Second // exp and nbf
	assertionFuture   = 60 * time.Second // iat
	assertionMaxAge   = 5 * time.Minute  // iat, and the effective life of one whose exp is far away
	assertionFar      = 10 * time.Minute // exp that is further ahead limits nothing
	assertionRemember = 400 * 24 * time.Hour
)

func (g jwtGrant) subject(ctx context.Context, r *tokenRequest, _ *org.App) (*subject, error) {
	if r.assertion == "" {
		return nil, errMissing("assertion")
	}
	a, err := oauth.ParseAssertion(r.assertion)
	if err != nil {
		return nil, err
	}
	if a.Issuer == "" {
		return nil, errClientUnknown()
	}
	app, err := g.s.known.AppByConsumerKey(ctx, a.Issuer)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, errClientUnknown()
		}
		return nil, err
	}
	early, status, err := g.judge(ctx, app, a)
	if err != nil {
		if status == "" {
			return nil, err
		}
		return g.refused(ctx, r, app, a, status), err
	}
	u, err := g.s.assertedUser(ctx, app, a.Subject)
	if err != nil {
		g.noteUnknown(ctx, r, app, err)
		return nil, err
	}
	sub := &subject{app: app, user: u}
	if a.ID != "" || app.Flows.Strict { // an assertion without jti is known by all of it (security 2.5: single use)
		hash := a.Digest()
		if a.ID != "" {
			hash = sha256.Sum256([]byte(a.Issuer + "\x00" + a.ID))
		}
		now := g.s.clock.Machine()
		forget := now.Add(min(a.Expires.Sub(early), assertionRemember) + 2*assertionSkew) // Sub ends at 292 years, so the sum comes last
		sub.save = func(ctx context.Context, s org.StoredSession, e org.LoginEvent) error {
			err := g.s.store.UseAssertion(ctx, hash, now, forget, s, e)
			if fault.CodeOf(err) == org.CodeAlreadyUsed {
				sub.status = org.StatusReplayed
			}
			return err
		}
	} else if a.Expires.Sub(early) > assertionFar && !g.s.seen.allow(a.Digest(), g.s.clock.Machine()) {
		sub.status = org.StatusAssertionExpired
		return sub, errAssertionExpired()
	}
	return sub, nil
}

// judge decides on signature, audience and times. early is the earlier of the org's domain time and the machine's; status
// is the Login History status of a refusal.
func (g jwtGrant) judge(ctx context.Context, app *org.App, a *oauth.Assertion) (early time.Time, status string, err error) {
	if err := a.Verify(app.Key); err != nil {
		return early, org.StatusSignature, err
	}
	if err := g.s.checkAudience(ctx, app, a.Audience); err != nil {
		if fault.CodeOf(err) != codeAudience {
			return early, "", err
		}
		return early, org.StatusAudience, err
	}
	early, err = g.s.checkTimes(app.Org, a)
	switch {
	case fault.CodeOf(err) == codeAssertionExpired:
		return early, org.StatusAssertionExpired, err
	case err != nil:
		return early, org.StatusTimestamp, err
	case app.Flows.Strict && a.Expires.After(g.s.later(app.Org).Add(assertionMaxAge+assertionSkew)):
		return early, org.StatusTimestamp, fault.New(fault.Unauthenticated, oauth.CodeInvalidAssertion, "The assertion lives too long.")
	}
	return early, "", nil
}

// refused is for whose Login History a refused assertion is, nil where there is nobody. Who did not even have the app's
// key is remembered only so often from one network: anybody may name anybody.
func (g jwtGrant) refused(ctx context.Context, r *tokenRequest, app *org.App, a *oauth.Assertion, status string) *subject {
	if status == org.StatusSignature && !g.s.throttle.AllowRow(r.caller.ip) {
		return nil
	}
	u, err := g.s.assertedUser(ctx, app, a.Subject)
	if err != nil {
		g.noteUnknown(ctx, r, app, err)
		return nil
	}
	return &subject{app: app, user: u, status: status}
}

// noteUnknown makes an assertion for nobody cost what one for a user costs.
func (g jwtGrant) noteUnknown(ctx context.Context, r *tokenRequest, app *org.App, err error) {
	if fault.CodeOf(err) == org.CodeNotUserApproved {
		g.s.noteNobody(ctx, g.s.event(org.User{}, r.caller, org.LoginTypeOAuth, g.subtype(), app.Name))
	}
}

func errAssertionExpired() error {
	return fault.New(fault.Unauthenticated, codeAssertionExpired, "expired authorization code")
}

// checkAudience compares aud with the names of this server and of the app's org: exactly one, exactly equal.
func (s *Server) checkAudience(ctx context.Context, app *org.App, aud []string) error {
	if len(aud) == 1 {
		if s.audiences[aud[0]] && (!app.Flows.Strict || strings.HasPrefix(aud[0], s.base)) {
			return nil
		}
		o, err := s.known.OrgByID(ctx, app.Org)
		if err != nil {
			return err
		}
		if strings.TrimSuffix(strings.TrimSuffix(aud[0], "/"), tokenPath) == s.myDomainURL(o) {
			return nil
		}
	}
	return fault.New(fault.Unauthenticated, codeAudience, "audience is invalid")
}

// checkTimes judges exp, iat and nbf. The assertion was made elsewhere, by a clock that does not follow when the org's
// domain time is moved: so it is too old only where both times say so, and too new likewise. early is the earlier of
// the two.
func (s *Server) checkTimes(orgID org.ID, a *oauth.Assertion) (early time.Time, err error) {
	early = s.clock.Now(string(orgID))
	late := s.clock.Machine().UTC()
	if late.Before(early) {
		early, late = late, early
	}
	switch {
	case !a.Expires.Add(assertionSkew).After(early):
		return early, errAssertionExpired()
	case !a.IssuedAt.IsZero() && a.IssuedAt.After(late.Add(assertionFuture)), !a.NotBefore.IsZero() && a.NotBefore.After(late.Add(assertionSkew)):
		return early, fault.New(fault.Unauthenticated, oauth.CodeInvalidAssertion, "The assertion is not valid yet.")
	case !a.IssuedAt.IsZero() && a.IssuedAt.Add(assertionMaxAge+assertionSkew).Before(early):
		return early, errAssertionExpired()
	}
	return early, nil
}

// later is the later of the org's domain time and the machine's.
func (s *Server) later(orgID org.ID) time.Time {
	domain, machine := s.clock.Now(string(orgID)), s.clock.Machine().UTC()
	if machine.After(domain) {
		return machine
	}
	return domain
}

// assertedUser finds the user of sub: a user name, or the id of a user, of the app's org. Unknown users and those of
// other orgs get the same answer as one who never approved the app.
func (s *Server) assertedUser(ctx context.Context, app *org.App, sub string) (org.User, error) {
	var u org.User
	err := error(fault.New(fault.NotFound, org.CodeNotFound, "no subject"))
	if id, iderr := org.ParseID(sub); iderr == nil && id.Prefix() == org.PrefixUser {
		u, err = s.known.UserByID(ctx, app.Org, id)
	} else if sub != "" {
		u, err = s.known.UserByUsername(ctx, sub)
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return org.User{}, err
	}
	if err != nil || u.Org != app.Org {
		return org.User{}, fault.New(fault.Denied, org.CodeNotUserApproved, "user hasn't approved this consumer")
	}
	return u, nil
}

// firstSeen bounds the life of assertions whose exp is years away and that have no jti, as the sf CLI's: each is good
// for five minutes from when it was first shown here. It remembers the last 100,000 or so.
type firstSeen struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]int64 // Unix seconds
}

const seenSize = 1 << 16

func newFirstSeen() *firstSeen { return &firstSeen{young: map[[sha256.Size]byte]int64{}} }

func (f *firstSeen) allow(digest [sha256.Size]byte, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, ok := f.young[digest]
	if !ok {
		if first, ok = f.old[digest]; !ok {
			first = now.Unix()
		}
		f.young[digest] = first
		if len(f.young) >= seenSize {
			f.young, f.old = make(map[[sha256.Size]byte]int64, seenSize/4), f.young
		}
	}
	return now.Unix()-first <= int64(assertionMaxAge/time.Second)
}
