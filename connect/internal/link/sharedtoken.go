package link

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/vault"
)

// SharedToken is the access token of a span's own user as it is stored for all processes that share the database.
type SharedToken struct {
	Pair      string
	Direction Direction
	Key       []byte    // SHA-256 of whose token it is, by which driver and at which address
	Sealed    []byte    // sealed by the vault under [SharedTokenAAD]; nil for none
	Hash      []byte    // SHA-256 of the token
	Expires   time.Time // domain time
	Revision  int64     // of the lease under which it is fetched
}

// LeaseTimes are when and until when a token is to be fetched.
type LeaseTimes struct {
	Now, Until time.Time // machine time
	Domain     time.Time // now, domain time
}

// SharedTokens keeps one token for each span.
type SharedTokens interface {
	// Shared reports whether other processes may use the same database; where none can, nothing is kept here.
	Shared() bool
	// SharedToken reads the token of a span and key; nothing is sealed in it where there is none.
	SharedToken(ctx context.Context, pair string, d Direction, key []byte) (SharedToken, error)
	// LeaseSharedToken takes the fetching of a span's token, unless somebody has it, or has just stored one that is good; ok
	// reports whether it did. What is stored under another key goes.
	LeaseSharedToken(ctx context.Context, pair string, d Direction, key []byte, t LeaseTimes) (revision int64, ok bool, err error)
	// SettleSharedToken ends the lease of t.Revision and stores what was fetched, if anything was; it does nothing where
	// somebody has taken the lease over.
	SettleSharedToken(ctx context.Context, t SharedToken) error
	// DropSharedToken forgets the token of a span if it has this hash; nil forgets whichever there is.
	DropSharedToken(ctx context.Context, pair string, d Direction, hash []byte) error
}

// sharedPause is how long one waits who finds a token being fetched by another process.
const sharedPause = 50 * time.Millisecond

// SharedTokenAAD binds a sealed token to its span, and to whose it is.
func SharedTokenAAD(t SharedToken) []byte {
	return fmt.Appendf(nil, "connect/sharedtoken/v1|%s|%s|%x", t.Pair, t.Direction, t.Key)
}

// keptToken is what is sealed: what calls need of a token of either cloud.
type keptToken struct {
	Access       string        `json:"access"`
	InstanceURL  string        `json:"instance_url,omitempty"`
	IdentityURL  string        `json:"identity_url,omitempty"`
	OrgID        string        `json:"org_id,omitempty"`
	UserID       string        `json:"user_id,omitempty"`
	Scope        string        `json:"scope,omitempty"`
	IssuedAt     time.Time     `json:"issued_at,omitzero"`
	ExpiresIn    time.Duration `json:"expires_in,omitempty"`
	RESTURL      string        `json:"rest_url,omitempty"`
	SOAPURL      string        `json:"soap_url,omitempty"`
	SOAPUser     string        `json:"soap_user,omitempty"`
	SOAPPassword string        `json:"soap_password,omitempty"`
}

func keepOrg(t crm.Token) keptToken {
	return keptToken{Access: t.AccessToken.Reveal(), InstanceURL: t.InstanceURL, IdentityURL: t.IdentityURL, OrgID: t.OrgID, UserID: t.UserID, Scope: t.Scope, IssuedAt: t.IssuedAt}
}

func (k keptToken) org() crm.Token {
	return crm.Token{AccessToken: vault.Secret(k.Access), InstanceURL: k.InstanceURL, IdentityURL: k.IdentityURL, OrgID: k.OrgID, UserID: k.UserID, Scope: k.Scope, IssuedAt: k.IssuedAt}
}

func keepTenant(t engagement.Token) keptToken {
	return keptToken{
		Access: t.AccessToken.Reveal(), ExpiresIn: t.ExpiresIn, Scope: t.Scope, RESTURL: t.RESTURL, SOAPURL: t.SOAPURL, SOAPUser: t.SOAPUser, SOAPPassword: t.SOAPPassword.Reveal(),
	}
}

func (k keptToken) tenant() engagement.Token {
	return engagement.Token{
		AccessToken: vault.Secret(k.Access), ExpiresIn: k.ExpiresIn, Scope: k.Scope, RESTURL: k.RESTURL, SOAPURL: k.SOAPURL, SOAPUser: k.SOAPUser, SOAPPassword: vault.Secret(k.SOAPPassword),
	}
}

// mint fetches a token and says until when it is good, domain time.
type mint func(ctx context.Context) (keptToken, time.Time, error)

// share gets the token of a span's own user that another process has fetched, or fetches it for all of them. key says whose
// it is. Of many processes that miss it at the same time one fetches and the others wait.
func (s *Service) share(ctx context.Context, l Link, d Direction, key string, fetch mint) (keptToken, time.Time, error) {
	if !s.store.Shared() {
		return fetch(ctx)
	}
	sum := sha256.Sum256([]byte(key))
	for {
		if k, expires, ok, err := s.shared(ctx, l, d, sum[:]); err != nil || ok {
			return k, expires, err
		}
		now := s.leases()
		revision, ok, err := s.store.LeaseSharedToken(ctx, l.Pair, d, sum[:], LeaseTimes{Now: now, Until: now.Add(tokenLease), Domain: s.Now(l)})
		if err != nil {
			return keptToken{}, time.Time{}, err
		}
		if ok {
			return s.fetchShared(ctx, SharedToken{Pair: l.Pair, Direction: d, Key: sum[:], Revision: revision}, fetch)
		}
		t := time.NewTimer(sharedPause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return keptToken{}, time.Time{}, context.Cause(ctx)
		}
	}
}

// shared is the token that is stored and good now. One that does not open is none: it is fetched anew.
func (s *Service) shared(ctx context.Context, l Link, d Direction, key []byte) (k keptToken, expires time.Time, ok bool, err error) {
	t, err := s.store.SharedToken(ctx, l.Pair, d, key)
	if err != nil || t.Sealed == nil || !s.Now(l).Before(t.Expires) {
		return k, expires, false, err
	}
	plain, err := s.keys.vault.Open(t.Sealed, SharedTokenAAD(t))
	if err != nil {
		return k, expires, false, s.store.DropSharedToken(ctx, l.Pair, d, t.Hash)
	}
	defer clear(plain)
	if err := json.Unmarshal(plain, &k); err != nil {
		return keptToken{}, expires, false, err
	}
	return k, t.Expires, true, nil
}

// settleTime bounds the writing down of what came of a fetch, which goes on where the caller has gone; machine time.
const settleTime = 10 * time.Second

// fetchShared fetches under a lease, and ends that whatever comes of it.
func (s *Service) fetchShared(ctx context.Context, t SharedToken, fetch mint) (keptToken, time.Time, error) {
	within, cancel := context.WithTimeout(ctx, tokenLease)
	defer cancel()
	k, expires, err := fetch(within)
	if err == nil {
		t.Sealed, err = s.sealShared(t, k)
		t.Hash, t.Expires = vault.HashToken(k.Access), expires
	}
	settling, done := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer done()
	if settleErr := s.store.SettleSharedToken(settling, t); err == nil {
		err = settleErr
	}
	return k, expires, err
}

func (s *Service) sealShared(t SharedToken, k keptToken) ([]byte, error) {
	plain, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return s.keys.vault.Seal(plain, SharedTokenAAD(t))
}

// unshare forgets the token of a span for all processes if it is this one; nil is whichever. Call it before it is dropped from
// memory: else somebody takes the dead one from here at this moment. Those who hold it in theirs find out by themselves.
func (s *Service) unshare(ctx context.Context, l Link, d Direction, token *vault.Secret) error {
	if !s.store.Shared() {
		return nil
	}
	var hash []byte
	if token != nil {
		hash = vault.HashToken(token.Reveal())
	}
	return s.store.DropSharedToken(ctx, l.Pair, d, hash)
}

// ownTenantKey reports whether a token of the tenant is the one that is shared: the API user's, in his business unit.
func (l Link) ownTenantKey(username string, mid int64) bool {
	return username == l.Tenant.Username && mid == l.Tenant.MID
}
