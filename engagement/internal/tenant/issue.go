package tenant

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Issuer issues tokens: the rules of the token endpoint, without its protocol. Callers have proven the client before.
type Issuer struct {
	Registry *Registry
	Tokens   TokenStore
	Grants   GrantStore
	Serials  *Serials
	Clock    Clock
}

// Want is what a token request asks for within what it may have.
type Want struct {
	Scope *string // nil is all; "" is none
	MID   MID     // account_id; 0 is none given
}

// Issued is a fresh access token, with a refresh token where the grant has one.
type Issued struct {
	AccessToken  string
	RefreshToken string // "" for client credentials and JWT bearer (engagement-wire 0.6)
	Scopes       []string
	Tenant       EID
	MID          MID
}

// appUser is the user that a package is when it acts as itself.
func (s *Issuer) appUser(ctx context.Context, pkg Package) (User, error) {
	app, err := s.Registry.User(ctx, pkg.Tenant, pkg.AppUser)
	if err == nil && !app.May() {
		return app, fault.New(fault.Unauthenticated, CodeClientRefused, "The package's app user is disabled.")
	}
	return app, err
}

// ClientCredentials issues a token on which the package acts as itself.
func (s *Issuer) ClientCredentials(ctx context.Context, pkg Package, w Want) (Issued, error) {
	if err := pkg.Allow(ServerIntegration); err != nil {
		return Issued{}, err
	}
	app, err := s.appUser(ctx, pkg)
	if err != nil {
		return Issued{}, err
	}
	scopes, err := NarrowScopes(w.Scope, pkg.Scopes)
	if err != nil {
		return Issued{}, err
	}
	mid, err := s.unit(ctx, pkg, nil, w.MID, pkg.MID)
	if err != nil {
		return Issued{}, err
	}
	var token credential
	err = s.again(func() error {
		token = newCredential(kindAccess, s.Serials.Next())
		return s.Tokens.AddToken(ctx, s.access(token, pkg, app.ID, mid, scopes, 0, 0))
	})
	return Issued{AccessToken: token.text, Scopes: scopes, Tenant: pkg.Tenant, MID: mid}, err
}

// Assertion is a proof by the package that it asks for this user. Signature, issuer, audience and times have been
// checked.
type Assertion struct {
	Subject string // user name
	ID      string // jti
}

// FromAssertion issues a token to a package that acts for a user with whom it has a live grant. An unknown user, one of
// another tenant, one who is disabled or locked and one without a grant are one answer.
func (s *Issuer) FromAssertion(ctx context.Context, pkg Package, a Assertion, w Want) (Issued, error) {
	if err := pkg.Allow(ConnectIntegration); err != nil {
		return Issued{}, err
	}
	none := fault.New(fault.Invalid, CodeNoGrant, "The user has not approved this package.")
	user, err := s.Registry.UserByName(ctx, a.Subject)
	if err != nil {
		return Issued{}, absent(err, none)
	}
	if user.Tenant != pkg.Tenant || !user.May() {
		return Issued{}, none
	}
	t, err := s.Registry.Tenant(ctx, pkg.Tenant)
	if err != nil {
		return Issued{}, err
	}
	if t.Settings.LoginExpired(user, s.Clock.Now(pkg.Tenant)) {
		return Issued{}, fault.New(fault.Invalid, CodeNoGrant, "The user has not signed in for too long; he must sign in to Engagement once.")
	}
	grant, err := s.Registry.liveGrant(ctx, pkg.ClientID, user.ID)
	if err != nil {
		return Issued{}, absent(err, none)
	}
	if grant.Vouched() && user.SalesforceUsername == "" {
		return Issued{}, none // he who was vouched for is no longer integrated
	}
	scopes, err := NarrowScopes(w.Scope, pkg.Scopes)
	if err != nil {
		return Issued{}, err
	}
	mid, err := s.unit(ctx, pkg, &user, w.MID, user.DefaultMID)
	if err != nil {
		return Issued{}, err
	}
	h := sha256.New()
	h.Write([]byte(pkg.ClientID))
	h.Write([]byte{0})
	h.Write([]byte(a.ID))
	spent := [32]byte(h.Sum(nil))
	// No second try under another number: the assertion may be spent by then.
	token := newCredential(kindAccess, s.Serials.Next())
	if err := s.Tokens.SpendAssertion(ctx, s.access(token, pkg, user.ID, mid, scopes, 0, grant.ID), spent); err != nil {
		return Issued{}, err
	}
	return Issued{AccessToken: token.text, Scopes: scopes, Tenant: pkg.Tenant, MID: mid}, nil
}

// CodeProof is what a client shows to get tokens for an authorization code.
type CodeProof struct{ Code, RedirectURI, Verifier string }

// FromCode exchanges an authorization code, once. A second use ends everything that came of the first.
func (s *Issuer) FromCode(ctx context.Context, pkg Package, proof CodeProof, w Want) (Issued, error) {
	if err := pkg.Allow(WebIntegration, PublicIntegration, ConnectIntegration); err != nil {
		return Issued{}, err
	}
	invalid := fault.New(fault.Invalid, CodeInvalidCode, "The authorization code is invalid, expired, or was used before.")
	id, ok := parseCredential(kindCode, proof.Code)
	if !ok {
		return Issued{}, invalid
	}
	family, err := s.Tokens.FamilyByID(ctx, id) // not from memory: whether it was used decides
	if err != nil {
		return Issued{}, absent(err, invalid)
	}
	now := s.Clock.Now(family.Tenant)
	switch {
	case !sameHash(proof.Code, family.CodeHash), family.ClientID != pkg.ClientID:
		return Issued{}, invalid
	case !family.CodeUsed.IsZero():
		return Issued{}, s.endFamily(ctx, family, now, invalid)
	case !family.Ended.IsZero(), !now.Before(family.CodeExpires), !pkg.has(family.Scopes):
		return Issued{}, invalid
	case proof.RedirectURI != family.RedirectURI:
		return Issued{}, fault.New(fault.Invalid, CodeRedirectMismatch, "The redirect_uri is not the one that the code was sent to.").In("redirect_uri")
	}
	if err := oauth.VerifyPKCE(family.Challenge, "", proof.Verifier); err != nil {
		code := CodeInvalidVerifier
		if family.Challenge == "" {
			code = CodeUnexpectedVerifier
		}
		return Issued{}, fault.Wrap(err, fault.Invalid, code, "%s", fault.Of(err).Message).In("code_verifier")
	}
	user, err := s.familyUser(ctx, family, invalid)
	if err != nil {
		return Issued{}, err
	}
	scopes, err := NarrowScopes(w.Scope, family.Scopes)
	if err != nil {
		return Issued{}, err
	}
	mid, err := s.unit(ctx, pkg, &user, w.MID, family.MID)
	if err != nil {
		return Issued{}, err
	}
	life, err := s.refreshLife(ctx, pkg.Tenant)
	if err != nil {
		return Issued{}, err
	}
	var token, refresh credential
	var won bool
	err = s.again(func() error {
		token, refresh = newCredential(kindAccess, s.Serials.Next()), newCredential(kindRefresh, s.Serials.Next())
		won, err = s.Tokens.UseCode(ctx, family.ID, now, s.access(token, pkg, user.ID, mid, scopes, family.ID, family.GrantID),
			RefreshToken{ID: refresh.id, Hash: refresh.hash(), FamilyID: family.ID, Scopes: scopes, MID: mid, Created: now, Expires: now.Add(life)})
		return err
	})
	if err != nil {
		return Issued{}, err
	}
	if !won { // somebody else used it at this moment
		return Issued{}, s.endFamily(ctx, family, now, invalid)
	}
	return Issued{AccessToken: token.text, RefreshToken: refresh.text, Scopes: scopes, Tenant: pkg.Tenant, MID: mid}, nil
}

// Refresh exchanges a refresh token for a new pair. Used again within [RefreshGrace], while its successor is unused, it
// gives that same successor; used again later it ends the sign-in it came of.
func (s *Issuer) Refresh(ctx context.Context, pkg Package, text string, w Want) (Issued, error) {
	if err := pkg.Allow(WebIntegration, PublicIntegration, ConnectIntegration, LegacyIntegration); err != nil {
		return Issued{}, err
	}
	invalid := fault.New(fault.Invalid, CodeInvalidRefresh, "The refresh token is invalid, expired, or revoked.")
	id, ok := parseCredential(kindRefresh, text)
	if !ok {
		return Issued{}, invalid
	}
	old, err := s.Tokens.RefreshByID(ctx, id)
	if err != nil {
		return Issued{}, absent(err, invalid)
	}
	if !sameHash(text, old.Hash) {
		return Issued{}, invalid
	}
	family, err := s.Tokens.FamilyByID(ctx, old.FamilyID)
	if err != nil {
		return Issued{}, absent(err, invalid)
	}
	now := s.Clock.Now(family.Tenant)
	if family.ClientID != pkg.ClientID || !family.Ended.IsZero() || !now.Before(old.Expires) || !pkg.has(family.Scopes) {
		return Issued{}, invalid
	}
	user, err := s.familyUser(ctx, family, invalid)
	if err != nil {
		return Issued{}, err
	}
	t, err := s.Registry.Tenant(ctx, family.Tenant)
	if err != nil {
		return Issued{}, err
	}
	if t.Settings.LoginExpired(user, now) { // as an assertion in his name is refused
		return Issued{}, invalid
	}
	scopes, err := NarrowScopes(w.Scope, old.Scopes)
	if err != nil {
		return Issued{}, err
	}
	mid, err := s.unit(ctx, pkg, &user, w.MID, old.MID)
	if err != nil {
		return Issued{}, err
	}
	life, grace := LegacyRefreshLife, LegacyRefreshGrace
	if pkg.Type != LegacyIntegration {
		life, grace = t.Settings.RefreshLife(), RefreshGrace
	}
	out := Issued{Scopes: scopes, Tenant: pkg.Tenant, MID: mid}
	if old.Used.IsZero() {
		won := false
		err := s.again(func() error {
			token, seed := newCredential(kindAccess, s.Serials.Next()), make([]byte, 32)
			_, _ = rand.Read(seed) // never fails: crypto/rand ends the program instead
			next := successor(s.Serials.Next(), seed, text)
			won, err = s.Tokens.Rotate(ctx, old, RefreshToken{
				ID: next.id, Hash: next.hash(), FamilyID: family.ID, PreviousID: old.ID,
				Scopes: old.Scopes, MID: old.MID, Created: now, Expires: now.Add(life),
			}, seed,
				s.access(token, pkg, user.ID, mid, scopes, family.ID, family.GrantID), now)
			out.AccessToken, out.RefreshToken = token.text, next.text
			return err
		})
		if err != nil || won {
			return out, err
		}
		if old, err = s.Tokens.RefreshByID(ctx, id); err != nil { // somebody else used it at this moment
			return Issued{}, absent(err, invalid)
		}
	}
	// The token was used before: by a client that lost the answer, by another replica of it, or by a thief.
	next, err := s.Tokens.RefreshByID(ctx, old.NextID)
	if err != nil {
		return Issued{}, absent(err, invalid)
	}
	if !next.Used.IsZero() || len(old.NextSeed) == 0 || !now.Before(old.Used.Add(grace)) {
		return Issued{}, s.endFamily(ctx, family, now, invalid)
	}
	out.RefreshToken = successor(next.ID, old.NextSeed, text).text
	err = s.again(func() error {
		token := newCredential(kindAccess, s.Serials.Next())
		out.AccessToken = token.text
		return s.Tokens.AddToken(ctx, s.access(token, pkg, user.ID, mid, scopes, family.ID, family.GrantID))
	})
	return out, err
}

// SignIn is a user's sign-in through a package, ready to become an authorization code.
type SignIn struct {
	Package     Package
	User        User
	SessionID   int64
	Scopes      []string
	RedirectURI string
	Challenge   string
	// Fresh: the user gave a password just now. For a "connect" package that makes his grant anew, with his permissions
	// of this moment; a visit in a session that was there keeps the grant and what it remembers.
	Fresh bool
}

// Authorize makes the authorization code of a sign-in.
func (s *Issuer) Authorize(ctx context.Context, in SignIn) (code string, err error) {
	pkg, user := in.Package, in.User
	if err := pkg.Allow(WebIntegration, PublicIntegration, ConnectIntegration); err != nil {
		return "", err
	}
	if user.Tenant != pkg.Tenant || !user.May() || user.MustChange || user.IsApp() {
		return "", fault.New(fault.Unauthenticated, CodeLoginFailed, "The user may not sign in to this package.")
	}
	mid, err := s.unit(ctx, pkg, &user, 0, user.DefaultMID)
	if err != nil {
		if mid, err = s.unit(ctx, pkg, &user, 0, pkg.MID); err != nil {
			return "", err
		}
	}
	snapshot, err := s.Registry.Snapshot(ctx, user.Tenant, user.ID)
	if err != nil {
		return "", err
	}
	now := s.Clock.Now(pkg.Tenant)
	var grantID int64
	if pkg.Type == ConnectIntegration {
		grant, err := s.Grants.PutGrant(ctx, Grant{
			ID: s.Serials.Next(), Tenant: pkg.Tenant, ClientID: pkg.ClientID, UserID: user.ID,
			Snapshot: snapshot, Made: now, MadeBy: user.ID,
		}, in.Fresh)
		s.Registry.grantChanged(pkg.ClientID, user.ID)
		if err != nil {
			return "", err
		}
		grantID, snapshot = grant.ID, grant.Snapshot
	}
	var c credential
	err = s.again(func() error {
		c = newCredential(kindCode, s.Serials.Next())
		return s.Tokens.AddFamily(ctx, Family{
			ID: c.id, CodeHash: c.hash(), Tenant: pkg.Tenant, ClientID: pkg.ClientID, UserID: user.ID, MID: mid,
			Scopes: in.Scopes, Snapshot: snapshot, RedirectURI: in.RedirectURI, Challenge: in.Challenge, SessionID: in.SessionID, GrantID: grantID,
			Offline: slices.Contains(in.Scopes, ScopeOffline), Created: now, CodeExpires: now.Add(CodeLife),
		})
	})
	return c.text, err
}

// access is the row of a new access token.
func (s *Issuer) access(c credential, pkg Package, userID int64, mid MID, scopes []string, family, grant int64) AccessToken {
	life := AccessTokenLife
	if pkg.Type == LegacyIntegration {
		life = LegacyTokenLife
	}
	return AccessToken{
		ID: c.id, Hash: c.hash(), Tenant: pkg.Tenant, ClientID: pkg.ClientID, UserID: userID, MID: mid, Scopes: scopes,
		FamilyID: family, GrantID: grant, Expires: s.Clock.Now(pkg.Tenant).Add(life),
	}
}

// unit decides in which business unit a token runs: the one asked for, else the fallback. It must be an active unit of
// the tenant that the package reaches and, where one is given, the user may use. All refusals are one text, so that
// foreign units cannot be told from unknown ones.
func (s *Issuer) unit(ctx context.Context, pkg Package, user *User, want, fallback MID) (MID, error) {
	mid := want
	if mid == 0 {
		mid = fallback
	}
	u, err := s.Registry.Unit(ctx, pkg.Tenant, mid)
	if fault.KindOf(err) == fault.NotFound || err == nil && (!u.Active || !pkg.Reaches(mid) || user != nil && !user.MayUse(mid)) {
		return 0, fault.New(fault.Invalid, CodeInvalidAccount, "The account_id is not a business unit that this integration can use.").In("account_id")
	}
	return mid, err
}

// familyUser is the user of a sign-in, if he may still have tokens and, for a "connect" package, its grant is live.
func (s *Issuer) familyUser(ctx context.Context, f Family, invalid error) (User, error) {
	user, err := s.Registry.User(ctx, f.Tenant, f.UserID)
	if err != nil {
		return User{}, absent(err, invalid)
	}
	if !user.May() {
		return User{}, invalid
	}
	if f.GrantID != 0 {
		g, err := s.Registry.grant(ctx, f.GrantID)
		if err != nil {
			return User{}, absent(err, invalid)
		}
		if !g.Live() {
			return User{}, invalid
		}
	}
	return user, nil
}

func (s *Issuer) refreshLife(ctx context.Context, eid EID) (time.Duration, error) {
	t, err := s.Registry.Tenant(ctx, eid)
	return t.Settings.RefreshLife(), err
}

// endFamily ends a sign-in whose code or refresh token was used twice, and gives the refusal.
func (s *Issuer) endFamily(ctx context.Context, f Family, now time.Time, refusal error) error {
	if err := s.Tokens.EndFamily(ctx, f.ID, now); err != nil {
		return err
	}
	s.Registry.families.drop(f.ID)
	return refusal
}

// again runs a write that takes a new number, and tries another when the number is taken (see [Serials]).
func (s *Issuer) again(write func() error) error {
	var err error
	for range 3 {
		if err = write(); fault.CodeOf(err) != CodeTaken {
			return err
		}
	}
	return err
}

// absent gives refusal where err says that a thing is not there; other errors pass.
func absent(err, refusal error) error {
	if fault.KindOf(err) == fault.NotFound {
		return refusal
	}
	return err
}
