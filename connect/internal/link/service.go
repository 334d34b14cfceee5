package link

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// Lifetimes of what the service remembers.
const (
	// orgTokenLife is how long an org token is used: the org says no lifetime (crm-wire 1.4), and the shortest session
	// setting is 15 minutes.
	orgTokenLife = 14 * time.Minute
	// refreshMargin is how long before its expiry a tenant token is replaced.
	refreshMargin = time.Minute
)

// Service connects, disconnects and uses the spans. It is safe for concurrent use.
type Service struct {
	store   Stores
	keys    *Keyring
	http    *http.Client
	machine clock.Machine
	leases  clock.Machine // as all processes have it
	meter   Meter         // nil where nobody counts
	org     *cache[crm.Token]
	tenant  *cache[engagement.Token]
	// packages are by pair and org, good for packageLife of machine time.
	packages *cache[Package]
	units    *cache[[]int64] // likewise
	// domains are where people sign in to the org of a pair, good for packageLife too.
	domains *cache[string]
	// orgPassword and tenantPassword are the drivers that remember something.
	orgPassword    *passwordOrg
	tenantPassword *passwordTenant
	// guarded makes the calls to clouds whose addresses somebody named, and checkAddress judges these when they are named; nil
	// where all clouds are the program's own.
	guarded      *http.Client
	checkAddress func(address string) error
	callback     string // where the tenant's login page sends browsers
	// proofs are when a span's own user last got an answer, by pair and direction, in domain time, since the process began.
	proofs *sync.Map
}

// Stores are what the service needs of its store.
type Stores interface {
	Store
	Credentials
	UserTokens
	SharedTokens
}

// NewService wires the service. hc is shared by all calls to the clouds.
func NewService(store Stores, keys *Keyring, hc *http.Client, machine clock.Machine) *Service {
	if machine == nil {
		machine = time.Now
	}
	s := &Service{
		proofs: &sync.Map{},
		store:  store, keys: keys, http: hc, machine: machine, leases: machine, org: newCache[crm.Token](10_000), tenant: newCache[engagement.Token](10_000),
		packages: newCache[Package](10_000), units: newCache[[]int64](10_000), domains: newCache[string](10_000),
	}
	s.orgPassword, s.tenantPassword = newPasswordOrg(s), newPasswordTenant(s)
	return s
}

// Now is the domain time of the link's pair, in whole milliseconds as the databases keep it.
func (s *Service) Now(l Link) time.Time {
	return s.machine().Add(l.ClockOffset).UTC().Truncate(time.Millisecond)
}

// Link reads the connection of a pair.
func (s *Service) Link(ctx context.Context, pair string) (Link, error) {
	return s.store.Link(ctx, pair)
}

// First reads the connection that was made first.
func (s *Service) First(ctx context.Context) (Link, error) { return s.store.FirstLink(ctx) }

// Leasing has the service hold leases by another machine time than its process's. Call it before the service is used.
func (s *Service) Leasing(m clock.Machine) { s.leases = m }

// Guarded has the service reach clouds whose addresses somebody named by hc, and have them judged by check when they are
// named. Call it before the service is used.
func (s *Service) Guarded(hc *http.Client, check func(address string) error) {
	s.guarded, s.checkAddress = hc, check
}

// Transport is what calls to the link's clouds go through that nobody counts; nil is the default.
func (s *Service) Transport(l Link) http.RoundTripper {
	if hc := s.plain(l); hc != nil {
		return hc.Transport
	}
	return nil
}

// plain is what calls to the link's clouds are made by that nobody counts.
func (s *Service) plain(l Link) *http.Client {
	if s.guarded != nil && l.real() {
		return s.guarded
	}
	return s.http
}

// Authenticate finds the connection that an API token speaks for.
func (s *Service) Authenticate(ctx context.Context, tokenHash []byte) (Link, error) {
	return s.store.LinkByToken(ctx, tokenHash)
}

// ClaimSweep gives the links whose mappings this process is to look through now; each is claimed by one process within
// every.
func (s *Service) ClaimSweep(ctx context.Context, every time.Duration) ([]Link, error) {
	now := s.leases()
	pairs, err := s.store.ClaimSweep(ctx, now, now.Add(-every))
	links := make([]Link, 0, len(pairs))
	for _, pair := range pairs {
		l, linkErr := s.store.Link(ctx, pair)
		if err = errors.Join(err, linkErr); linkErr == nil {
			links = append(links, l)
		}
	}
	return links, err
}

// Put makes the connection of a pair or changes its public parameters.
func (s *Service) Put(ctx context.Context, pair string, tokenHash []byte, p Params) error {
	if pair == "" || len(pair) > 100 {
		return fault.New(fault.Invalid, CodeInvalidLink, "The pair needs an id of at most 100 bytes.").In("pair")
	}
	if len(tokenHash) == 0 {
		return fault.New(fault.Invalid, CodeInvalidLink, "The pair needs an API token.").In("api_token")
	}
	var err error
	if p.CRMURL, err = client.ParseBase(p.CRMURL); err != nil {
		return fault.Of(err).In("crm_url")
	}
	if p.AuthURL, err = client.ParseBase(p.AuthURL); err != nil {
		return fault.Of(err).In("engagement_auth_url")
	}
	for field, value := range map[string]string{"consumer_key": p.ConsumerKey, "console_client_id": p.ConsoleClientID, "package_client_id": p.PackageClientID} {
		if value == "" || len(value) > 500 {
			return fault.New(fault.Invalid, CodeInvalidLink, "The pair needs a %s.", field).In(field)
		}
	}
	if p.EID <= 0 {
		return fault.New(fault.Invalid, CodeInvalidLink, "The pair needs the tenant's enterprise id.").In("eid")
	}
	switch p.Standing {
	case Embedded, OwnLink, BesidePackage:
	default: // Unset is what Open makes
		return fault.New(fault.Invalid, CodeInvalidLink, "The pair needs a standing: embedded, own_link or beside_the_package.").In("standing")
	}
	why := audit.Change{At: s.machine(), Actor: "system", Action: audit.ConnectionPut}
	return s.store.PutLink(ctx, pair, tokenHash, why, func(l Link) Link { return l.Revise(p) })
}

// Certificates returns the PEM certificates of both spans' keys, which are made on the first call.
func (s *Service) Certificates(ctx context.Context, pair string) (orgPEM, tenantPEM string, err error) {
	now := s.machine().UTC()
	if orgPEM, err = s.keys.Certificate(ctx, pair, IntoOrg, now); err != nil {
		return "", "", err
	}
	tenantPEM, err = s.keys.Certificate(ctx, pair, IntoTenant, now)
	return orgPEM, tenantPEM, err
}

// Delete takes the connection of a pair away with everything that hangs on it, and tells neither cloud; one that is not
// there already is none.
func (s *Service) Delete(ctx context.Context, pair string) error {
	if err := s.store.DeleteLink(ctx, pair); err != nil {
		return err
	}
	s.keys.forget(pair)
	return nil
}

// SetClock moves the domain time of a pair.
func (s *Service) SetClock(ctx context.Context, pair string, offset time.Duration) error {
	return s.store.SetClock(ctx, pair, offset)
}

// Meter counts calls.
type Meter interface {
	// Transport counts the calls of a link to a cloud and makes them by next. now is the link's domain time.
	Transport(l Link, cloud Direction, now time.Time, next http.RoundTripper) http.RoundTripper
}

// Metered has all calls to the clouds counted. Call it before the service is used.
func (s *Service) Metered(m Meter) { s.meter = m }

// AlsoMetered returns the same service, whose calls m is told of too.
func (s *Service) AlsoMetered(m Meter) *Service {
	also := *s
	also.meter = meters{s.meter, m}
	return &also
}

// meters tells several of each call; nil ones are left out.
type meters []Meter

// Transport implements Meter.
func (m meters) Transport(l Link, cloud Direction, now time.Time, next http.RoundTripper) http.RoundTripper {
	for _, one := range m {
		if one != nil {
			next = one.Transport(l, cloud, now, next)
		}
	}
	return next
}

// client is what calls of the link to a cloud are made by.
func (s *Service) client(l Link, cloud Direction) *http.Client {
	hc := s.plain(l)
	if s.meter == nil || hc == nil || hc.Transport == nil {
		return hc
	}
	counted := *hc
	counted.Transport = s.meter.Transport(l, cloud, s.Now(l), hc.Transport)
	return &counted
}

// OrgClient is a client of the link's org.
func (s *Service) OrgClient(l Link) (*crm.Client, error) {
	return crm.New(crm.Options{BaseURL: l.CRMURL, HTTP: s.client(l, IntoOrg)})
}

// SignInClient is a client of the address at which people sign in to the link's org: its My Domain where it has one, as
// document 003 has it for Connect Account, else the address that the connection was given.
func (s *Service) SignInClient(ctx context.Context, l Link) (*crm.Client, error) {
	return crm.New(crm.Options{BaseURL: s.SignInURL(ctx, l), HTTP: s.plain(l)})
}

// SignInURL asks the org as its system user where its users sign in. An org that is not connected, or does not tell, is
// signed in to at the address that the connection was given: what is wrong with it shows there.
func (s *Service) SignInURL(ctx context.Context, l Link) string {
	if l.Org.Username == "" {
		return l.CRMURL
	}
	at, err := s.domains.get(ctx, l.Pair+"|"+l.CRMURL+"|"+l.Org.OrgID, s.machine(), func(ctx context.Context) (string, time.Time, error) {
		var id crm.Identity
		err := s.CallOrg(ctx, l, func(org *crm.Session) (err error) {
			id, err = org.UserInfo(ctx)
			return err
		})
		return signInURL(l.CRMURL, id.URLs.CustomDomain), s.machine().Add(packageLife), err
	})
	if err != nil {
		return l.CRMURL
	}
	return at
}

// signInURL takes the address that an org names for its own, unless it is none or would take people off https.
func signInURL(given, named string) string {
	base, err := client.ParseBase(named)
	if err != nil || strings.HasPrefix(given, "https://") && !strings.HasPrefix(base, "https://") {
		return given
	}
	return base
}

// TenantClient is a client of the link's tenant.
func (s *Service) TenantClient(l Link) (*engagement.Client, error) {
	return engagement.New(engagement.Options{AuthURL: l.AuthURL, HTTP: s.client(l, IntoTenant)})
}

// NeedsGrant reports whether a user has to sign in: he never did for the package, or what came of it was cleared since
// (DESIGN 5.2).
func NeedsGrant(err error) bool {
	if fault.CodeOf(err) == CodeNeedsSignIn {
		return true
	}
	r := client.Remote(err)
	return r != nil && r.Cloud == "tenant" && r.Code == "invalid_grant"
}

// CallOrg runs fn with a session of the system user. A token that the org no longer takes is replaced and fn runs once
// more. What the org refuses at sign-in marks the span broken.
func (s *Service) CallOrg(ctx context.Context, l Link, fn func(*crm.Session) error) error {
	return s.proven(l, IntoOrg, s.CallOrgAs(ctx, l, l.Org.Username, fn))
}

// proven remembers that a span's own user got an answer, where there was no error, which it passes on.
func (s *Service) proven(l Link, d Direction, err error) error {
	if err == nil {
		s.proofs.Store(l.Pair+"|"+string(d), s.Now(l))
	}
	return err
}

// LastProof is when the cloud last answered the span's own user, in domain time, as this process knows it; zero for not since it
// began.
func (s *Service) LastProof(l Link, d Direction) time.Time {
	at, _ := s.proofs.Load(l.Pair + "|" + string(d))
	t, _ := at.(time.Time)
	return t
}

// CallOrgAs runs fn with a session of any user who is approved for the connected app: he sees there what he sees when he
// signs in himself.
func (s *Service) CallOrgAs(ctx context.Context, l Link, username string, fn func(*crm.Session) error) error {
	if l.Org.Username == "" {
		return l.Ready()
	}
	org, err := s.OrgClient(l)
	if err != nil {
		return err
	}
	return once(func() (crm.Token, error) {
		return s.orgToken(ctx, l, username)
	}, func(refused crm.Token) error {
		if username == l.Org.Username {
			if err := s.unshare(ctx, l, IntoOrg, &refused.AccessToken); err != nil {
				return err
			}
		}
		s.org.drop(orgKey(l, username), func(t crm.Token) bool { return t.AccessToken == refused.AccessToken })
		return nil
	}, func(token crm.Token) error { return fn(org.Session(token)) })
}

// once calls with a token, and once more with another one where the cloud takes the first no longer.
func once[T any](get func() (T, error), drop func(refused T) error, call func(T) error) error {
	token, err := get()
	if err != nil {
		return err
	}
	if err = call(token); fault.CodeOf(err) != client.CodeUnauthorized {
		return err
	}
	if err := drop(token); err != nil {
		return err
	}
	if token, err = get(); err != nil {
		return err
	}
	return call(token)
}

// CallOrgKept runs fn with a session of the system user by the credentials of before, which an upgrade keeps until it is closed.
// What becomes of them says nothing of the span as it is now.
func (s *Service) CallOrgKept(ctx context.Context, l Link, before OrgSpan, fn func(*crm.Session) error) error {
	l.Org = before
	org, err := s.OrgClient(l)
	if err != nil {
		return err
	}
	key := orgKey(l, before.Username)
	return once(func() (crm.Token, error) {
		return s.org.get(ctx, key, s.Now(l), func(ctx context.Context) (crm.Token, time.Time, error) {
			t, err := s.orgDriver(before.Driver).session(ctx, l, before.Username)
			if err == nil && t.OrgID != before.OrgID {
				err = l.copied(t.OrgID)
			}
			return t, s.Now(l).Add(orgTokenLife), err
		})
	}, func(refused crm.Token) error {
		s.org.drop(key, func(t crm.Token) bool { return t.AccessToken == refused.AccessToken })
		return nil
	}, func(token crm.Token) error { return fn(org.Session(token)) })
}

// CallTenant runs fn with a session of the API user in his business unit, as CallOrg does for the org.
func (s *Service) CallTenant(ctx context.Context, l Link, fn func(*engagement.Session) error) error {
	if l.Tenant.Username == "" {
		return l.Ready()
	}
	return s.proven(l, IntoTenant, s.CallTenantAs(ctx, l, l.Tenant.Username, l.Tenant.MID, fn))
}

// CallTenantAs runs fn with a session of any user who has a grant.
func (s *Service) CallTenantAs(ctx context.Context, l Link, username string, mid int64, fn func(*engagement.Session) error) error {
	if err := s.guard(ctx, l); err != nil {
		return err
	}
	tenant, err := s.TenantClient(l)
	if err != nil {
		return err
	}
	key, own := tenantKey(l, username, mid), l.ownTenantKey(username, mid)
	return once(func() (engagement.Token, error) {
		token, err := s.tenant.get(ctx, key, s.Now(l), func(ctx context.Context) (engagement.Token, time.Time, error) {
			mint := func(ctx context.Context) (engagement.Token, time.Time, error) {
				t, err := s.mintTenant(ctx, l, username, mid)
				return t, s.Now(l).Add(t.ExpiresIn - refreshMargin), err
			}
			if !own {
				return mint(ctx)
			}
			k, expires, err := s.share(ctx, l, IntoTenant, key, func(ctx context.Context) (keptToken, time.Time, error) {
				t, expires, err := mint(ctx)
				return keepTenant(t), expires, err
			})
			return k.tenant(), expires, err
		})
		if username == l.Tenant.Username {
			err = s.note(ctx, l, IntoTenant, err)
		}
		return token, err
	}, func(refused engagement.Token) error {
		if own {
			if err := s.unshare(ctx, l, IntoTenant, &refused.AccessToken); err != nil {
				return err
			}
		}
		s.tenant.drop(key, func(t engagement.Token) bool { return t.AccessToken == refused.AccessToken })
		return nil
	}, func(token engagement.Token) error { return fn(tenant.Session(token)) })
}

func (s *Service) orgToken(ctx context.Context, l Link, username string) (crm.Token, error) {
	system := username == l.Org.Username
	mint := func(ctx context.Context) (crm.Token, time.Time, error) {
		t, err := s.mintOrg(ctx, l, username)
		switch {
		case err != nil:
		case t.OrgID != l.Org.OrgID:
			err = l.copied(t.OrgID)
		case system && t.UserID != l.Org.UserID:
			err = fault.New(fault.Denied, CodeWrongAccount, "The org now signs in another user than the one connected.")
		}
		return t, s.Now(l).Add(orgTokenLife), err
	}
	key := orgKey(l, username)
	token, err := s.org.get(ctx, key, s.Now(l), func(ctx context.Context) (crm.Token, time.Time, error) {
		if !system {
			return mint(ctx)
		}
		k, expires, err := s.share(ctx, l, IntoOrg, key, func(ctx context.Context) (keptToken, time.Time, error) {
			t, expires, err := mint(ctx)
			return keepOrg(t), expires, err
		})
		return k.org(), expires, err
	})
	if !system { // what the org says of another user says nothing of the span
		return token, err
	}
	return token, s.note(ctx, l, IntoOrg, err)
}

// note keeps in the link what the sign-in of a span's own user showed: refused marks the span broken, well marks it
// mended. Anything else, such as a cloud that does not answer, says nothing about the span. It returns err, or the
// store's error where there was none.
func (s *Service) note(ctx context.Context, l Link, d Direction, err error) error {
	change := func(l Link) (Link, bool) { return l.Mended(d) }
	if err != nil {
		cause, refused := refusal(err)
		if !refused {
			return err
		}
		change = func(l Link) (Link, bool) { return l.Broke(d, cause) }
	}
	if _, changed := change(l); !changed {
		return err
	}
	_, putErr := s.store.UpdateLink(ctx, l.Pair, audit.Change{}, func(now Link) (Link, error) {
		if now.sameUser(l, d) { // else somebody was connected in his place meanwhile, of whom this says nothing
			now, _ = change(now)
		}
		return now, nil
	})
	if err != nil {
		return err
	}
	return putErr
}

// sameUser reports whether the span of a direction has the user, the account and the client that it had in other.
func (l Link) sameUser(other Link, d Direction) bool {
	if d == IntoOrg {
		return SameUsername(l.Org.Username, other.Org.Username) && l.Org.UserID == other.Org.UserID && l.Org.OrgID == other.Org.OrgID && l.ConsumerKey == other.ConsumerKey &&
			l.Org.Driver == other.Org.Driver && l.Org.GivenAt.Equal(other.Org.GivenAt)
	}
	return SameUsername(l.Tenant.Username, other.Tenant.Username) && l.Tenant.UserID == other.Tenant.UserID && l.EID == other.EID && l.PackageClientID == other.PackageClientID &&
		l.PackageClient() == other.PackageClient()
}

func refusal(err error) (Cause, bool) {
	switch fault.CodeOf(err) {
	case client.CodeRefused:
		if r := client.Remote(err); r != nil {
			return Cause{Code: r.Code, Text: r.Description}, true
		}
	case CodeWrongAccount, CodeCopied:
		return Cause{Code: string(fault.CodeOf(err)), Text: fault.Of(err).Message}, true
	}
	if causes[fault.CodeOf(err)] {
		return Cause{Code: string(fault.CodeOf(err)), Text: fault.Of(err).Message}, true
	}
	return Cause{}, false
}

func orgKey(l Link, username string) string {
	return fmt.Sprintf("%s|%s|%s|%s|%s|%s|%d", l.Pair, l.CRMURL, l.ConsumerKey, l.Org.OrgID, l.Org.Driver, username, l.Org.GivenAt.UnixMilli())
}

func tenantKey(l Link, username string, mid int64) string {
	return fmt.Sprintf("%s|%s|%s|%s|%d|%s|%d", l.Pair, l.AuthURL, l.PackageClientID, l.Tenant.Driver, mid, username, l.Tenant.GivenAt.UnixMilli())
}
