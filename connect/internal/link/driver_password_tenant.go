package link

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// passwordTenant signs the API user in by his stored name and password: SOAP takes them as they are, username-password for
// web services; REST wants a token, for which they are typed into the tenant's own login page. Other users have tokens of
// their own sign-in.
type passwordTenant struct {
	s *Service
	// last is the last token of a pair's API user: while it lives it can read why he no longer signs in.
	last *cache[engagement.Token]

	mu    sync.Mutex
	seats map[string]*seat // by pair
}

// seat is the browser of an API user. Its session at the tenant lets one sign-in do for many tokens: each new sign-in makes
// his grant anew and ends the tokens of the one before.
type seat struct {
	mu      sync.Mutex
	key     string // the credentials that it is for
	browser *browser.Browser
}

const maxSeats = 1000

func newPasswordTenant(s *Service) *passwordTenant {
	return &passwordTenant{s: s, last: newCache[engagement.Token](1000), seats: map[string]*seat{}}
}

// SignInReturn says where the tenant's login page sends a browser that has signed in: a redirect URI of Connect's package.
// Call it before the service is used.
func (s *Service) SignInReturn(uri string) { s.callback = uri }

func (d *passwordTenant) session(ctx context.Context, l Link, username string, mid int64) (engagement.Token, error) {
	if !SameUsername(username, l.Tenant.Username) {
		return d.s.refreshUser(ctx, l, username, mid, l.PackageClientID, "")
	}
	c, err := d.s.credential(ctx, l, IntoTenant, "")
	if err != nil {
		return engagement.Token{}, err
	}
	seat := d.seat(l)
	seat.mu.Lock()
	defer seat.mu.Unlock()
	if seat.key != tenantKey(l, l.Tenant.Username, 0) {
		seat.key, seat.browser = tenantKey(l, l.Tenant.Username, 0), nil
	}
	who := browser.Credentials{Username: l.Tenant.Username, Password: c.Password}
	if seat.browser != nil { // its session may have ended, and nothing is wrong then
		typed := seat.browser.Sent()
		token, err := d.signIn(ctx, l, seat.browser, who, mid)
		if err == nil || !told(err) || seat.browser.Sent() > typed { // a password is not typed twice: that would lock him out
			return token, err
		}
	}
	seat.browser = d.newBrowser(l)
	token, err := d.signIn(ctx, l, seat.browser, who, mid)
	if err != nil {
		seat.browser = nil
	}
	return token, err
}

// told reports whether an error is the tenant's word about the user.
func told(err error) bool { _, refused := refusal(err); return refused }

func (d *passwordTenant) seat(l Link) *seat {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.seats[l.Pair]
	if at == nil {
		for pair := range d.seats { // any one goes: its user signs in once more
			if len(d.seats) < maxSeats {
				break
			}
			delete(d.seats, pair)
		}
		at = &seat{}
		d.seats[l.Pair] = at
	}
	return at
}

func (d *passwordTenant) newBrowser(l Link) *browser.Browser {
	var transport http.RoundTripper
	if c := d.s.client(l, IntoTenant); c != nil {
		transport = c.Transport
	}
	b := browser.New(transport)
	b.StopAt(d.s.callback)
	return b
}

// prove signs a user in whose credentials are not stored yet.
func (d *passwordTenant) prove(ctx context.Context, l Link, username string, password vault.Secret, mid int64) (engagement.Token, error) {
	return d.signIn(ctx, l, d.newBrowser(l), browser.Credentials{Username: username, Password: password.Reveal()}, mid)
}

// signIn gets a token by the login page and proves that web services take name and password too.
func (d *passwordTenant) signIn(ctx context.Context, l Link, b *browser.Browser, who browser.Credentials, mid int64) (engagement.Token, error) {
	tenant, err := d.s.TenantClient(l)
	if err != nil {
		return engagement.Token{}, err
	}
	before := b.Sent()
	token, err := d.byPage(ctx, l, tenant, b, who, mid)
	if err != nil {
		return engagement.Token{}, d.refused(ctx, l, tenant, who.Username, err)
	}
	token.SOAPUser, token.SOAPPassword = who.Username, vault.Secret(who.Password)
	users, err := tenant.Session(token).AccountUsers(ctx, engagement.Equals("UserID", who.Username))
	switch code := fault.CodeOf(err); {
	case code == client.CodeUnauthorized && b.Sent() == before:
		// The page took an old session for a sign-in: a new one tells what has become of the password.
		return engagement.Token{}, fault.New(fault.Denied, CodeCredentialsRefused, "%s", refusedByPage)
	case code == client.CodeUnauthorized, code == client.CodeRefused && client.Remote(err).Code == "Client": // with the right password
		said := ""
		if r := client.Remote(err); r != nil && r.Code != "Security" { // "Login Failed" says nothing
			said = r.Description
		}
		return engagement.Token{}, d.noWebServices(ctx, tenant, token, who.Username, said)
	case err != nil:
		return engagement.Token{}, err
	}
	// By name and password SOAP works in the user's default business unit; in another one it needs the token.
	if mid != 0 && (len(users) != 1 || users[0].DefaultMID != mid) {
		token.SOAPUser, token.SOAPPassword = "", ""
	}
	now := d.s.Now(l)
	d.last.put(d.lastKey(l, who.Username), item[engagement.Token]{token, now.Add(token.ExpiresIn)}, now)
	return token, nil
}

func (d *passwordTenant) lastKey(l Link, username string) string {
	return l.Pair + "|" + l.AuthURL + "|" + strings.ToLower(username)
}

// byPage types the credentials into the login page and exchanges the code that comes of it.
func (d *passwordTenant) byPage(ctx context.Context, l Link, tenant *engagement.Client, b *browser.Browser, who browser.Credentials, mid int64) (engagement.Token, error) {
	base, err := url.Parse(l.AuthURL)
	if err != nil {
		return engagement.Token{}, err
	}
	state, verifier := oauth.NewToken(16), oauth.NewVerifier()
	address := tenant.AuthorizeURL(engagement.AuthorizeRequest{ClientID: l.PackageClientID, RedirectURI: d.s.callback, State: state, Challenge: oauth.Challenge(verifier)})
	page, err := b.Visit(ctx, address, browser.Errand{Logins: map[string]browser.Credentials{browser.Origin(base): who}, Press: []string{"Allow"}})
	if err != nil {
		if fault.CodeOf(err) == "" || fault.KindOf(err) == fault.Internal {
			err = fault.Wrap(err, fault.Unavailable, client.CodeNoAnswer, "The tenant's login page gave no whole answer.")
		}
		return engagement.Token{}, err
	}
	q := page.URL.Query()
	switch {
	case page.Status >= 500:
		return engagement.Token{}, fault.New(fault.Unavailable, client.CodeFailed, "The tenant's login page answered %d.", page.Status)
	case page.Status == http.StatusTooManyRequests:
		return engagement.Token{}, fault.New(fault.Limited, client.CodeLimited, "The tenant's login page asks to come back later.")
	case q.Get("state") != state:
		return engagement.Token{}, fault.New(fault.Unavailable, client.CodeProtocol, "The tenant's login page ended at %s with status %d: %s", page.URL.Path, page.Status, client.Clip(page.Text, 200))
	case q.Get("error") != "":
		return engagement.Token{}, fault.New(fault.Denied, browser.CodeLoginRefused, "The tenant refused the sign-in: %s", client.Clip(q.Get("error"), 100))
	}
	return tenant.ExchangeCode(ctx, engagement.CodeGrant{ClientID: l.PackageClientID, Code: vault.Secret(q.Get("code")), RedirectURI: d.s.callback, Verifier: vault.Secret(verifier), MID: mid})
}

// The roles of the API user (connect-facts 1.5): the first in every edition, the second in Enterprise 2.0.
const (
	ConnectorRole     = "Marketing Cloud Administrator"
	AdministratorRole = "Administrator"
)

const (
	renewTenant   = "connect renew --kind engagement"
	refusedByPage = "Engagement refuses the API user's name and password: the password was changed, or he is locked out or disabled. Give the new one to `" + renewTenant + "`."
)

// refused is the refusal by the login page with its cause named; err itself where it is none.
func (d *passwordTenant) refused(ctx context.Context, l Link, tenant *engagement.Client, username string, err error) error {
	deny := func(code fault.Code, text string) error { return fault.New(fault.Denied, code, "%s", text) }
	switch fault.CodeOf(err) {
	case browser.CodeNewPassword:
		return deny(CodePasswordExpired, "The API user's password has expired or is temporary: choose a new one on Engagement's login page, and give it to `"+renewTenant+"`.")
	case browser.CodeLoginRefused:
	default:
		return err
	}
	last, known := d.last.look(d.lastKey(l, username), d.s.Now(l))
	if !known {
		return deny(CodeCredentialsRefused, refusedByPage)
	}
	last.SOAPUser = ""
	details, asked := tenant.Session(last).UserDetails(ctx, username)
	switch {
	case fault.CodeOf(asked) == client.CodeUnauthorized: // before its time: a change of the password ends an API user's tokens
		return deny(CodePasswordChanged, "The API user's password was changed, or he was disabled: give the new one to `"+renewTenant+"`.")
	case asked != nil:
	case !details.Active:
		return deny(CodeInactive, "The API user is disabled in Engagement.")
	case details.Locked:
		return deny(CodeLocked, "The API user is locked out after too many wrong passwords: an administrator unlocks him under Setup > Users.")
	}
	return deny(CodeCredentialsRefused, refusedByPage)
}

// noWebServices is why web services refuse what the login page took; said is what the tenant says of it, where it does.
func (d *passwordTenant) noWebServices(ctx context.Context, tenant *engagement.Client, token engagement.Token, username, said string) error {
	token.SOAPUser = ""
	details, err := tenant.Session(token).UserDetails(ctx, username)
	switch {
	case err != nil: // he may not ask either
	case !details.APIUser:
		return fault.New(fault.Denied, CodeNotAPIUser, "%s is no API User any more: an administrator ticks API User under Setup > Users.", username)
	case !slices.Contains(details.Roles, ConnectorRole): // his edition asks for it, whatever else is in the way
		return fault.New(fault.Denied, CodeNoRole, "%s has no right to web services: he lacks the role %s, which an administrator gives under Setup > Users.", username, ConnectorRole)
	}
	return fault.New(fault.Denied, CodeWebServicesOff, "Engagement takes the API user's name and password on its login page, and not for web services: an administrator switches on \"Enable Username and Password for Web Services\" under Setup > Security Settings.%s", strings.TrimRight(" "+said, " "))
}

// tokenLease is how long one use of a refresh token may take; machine time.
const tokenLease = 30 * time.Second

// tokenPause is how long one waits who finds a refresh token in use.
const tokenPause = 100 * time.Millisecond

// refreshUser gets a token by the refresh token that Connect keeps of the user, for the package of the client id. A refresh
// token works once: whoever uses it holds a lease on it, and leaves its successor.
func (s *Service) refreshUser(ctx context.Context, l Link, username string, mid int64, clientID string, secret vault.Secret) (engagement.Token, error) {
	tenant, err := s.TenantClient(l)
	if err != nil {
		return engagement.Token{}, err
	}
	held, err := s.leaseUser(ctx, l, username)
	if err != nil {
		return engagement.Token{}, err
	}
	plain, err := s.openUser(l, held)
	if err != nil { // unused, it is given back
		held.RenewedAt = s.Now(l) // no renewal mends it: see RenewIdle
		_, swapErr := s.store.SwapUserToken(ctx, held)
		return engagement.Token{}, errors.Join(err, swapErr)
	}
	defer clear(plain)
	token, err := tenant.Refresh(ctx, engagement.RefreshGrant{ClientID: clientID, Secret: secret, RefreshToken: vault.Secret(plain), MID: mid})
	if err != nil { // spent or not, it is what there is
		if NeedsGrant(err) { // and not asked for each time the idle ones are renewed
			held.RenewedAt = s.Now(l)
		}
		if _, swapErr := s.store.SwapUserToken(ctx, held); swapErr != nil {
			return engagement.Token{}, swapErr
		}
		return engagement.Token{}, err
	}
	if token.RefreshToken != "" {
		if held.Sealed, err = s.sealUser(held, token.RefreshToken); err != nil {
			return engagement.Token{}, err
		}
	}
	held.RenewedAt = s.Now(l)
	// Where somebody has signed in anew meanwhile, his token stays.
	_, err = s.store.SwapUserToken(ctx, held)
	token.RefreshToken = ""
	return token, err
}

// leaseUser waits until it has the user's refresh token for itself.
func (s *Service) leaseUser(ctx context.Context, l Link, username string) (UserToken, error) {
	for {
		now := s.leases()
		held, err := s.store.LeaseUserToken(ctx, l.Pair, strings.ToLower(username), now, now.Add(tokenLease))
		switch fault.CodeOf(err) {
		case CodeNotFound:
			return UserToken{}, fault.New(fault.Denied, CodeNeedsSignIn, "Connect keeps no token of %s: he signs in to Engagement once, on the Marketing Cloud tab.", username)
		case CodeTokenBusy:
		default:
			return held, err
		}
		t := time.NewTimer(tokenPause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return UserToken{}, context.Cause(ctx)
		}
	}
}

func (s *Service) sealUser(t UserToken, token vault.Secret) ([]byte, error) {
	plain := []byte(token.Reveal())
	defer clear(plain)
	return s.keys.vault.Seal(plain, UserTokenAAD(t))
}

func (s *Service) openUser(l Link, t UserToken) ([]byte, error) {
	if err := l.elsewhere(IntoTenant, t.Origin, t.Username+" signs in there once more, on the Marketing Cloud tab."); err != nil {
		return nil, err
	}
	plain, err := s.keys.vault.Open(t.Sealed, UserTokenAAD(t))
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, CodeCredentialCorrupt, "The token of %s cannot be opened: the key file is another one, or the database was changed.", t.Username)
	}
	return plain, nil
}

// UserToken is a user's refresh token ready to be stored, as one of this moment.
func (s *Service) UserToken(l Link, username string, token vault.Secret) (UserToken, error) {
	t := UserToken{Pair: l.Pair, Username: strings.ToLower(username), Origin: l.AuthURL, RenewedAt: s.Now(l)}
	var err error
	t.Sealed, err = s.sealUser(t, token)
	return t, err
}

// ActsByToken reports whether Connect's sessions of the user come of the refresh token of his sign-in: by key they do not, and
// the API user has credentials of his own.
func (l Link) ActsByToken(username string) bool {
	return l.Tenant.Driver.KeepsSecrets() && !SameUsername(username, l.Tenant.Username)
}

// MayKeep refuses a sign-in of which no session could come later, because it gave no refresh token.
func (l Link) MayKeep(username string, token vault.Secret) error {
	if token != "" || l.Tenant.Driver != WebApp { // elsewhere what his sign-in lacks is told when it is used
		return nil
	}
	return fault.New(fault.Conflict, CodeNoRefreshToken, "Engagement gives %s no refresh token through the web app: its package needs the scope offline (Setup > Apps > Installed Packages).", username)
}

// KeepUser keeps the refresh token of a user who has signed in and for whom Connect may act, where his sessions come of it;
// "" changes nothing.
func (s *Service) KeepUser(ctx context.Context, l Link, username string, token vault.Secret) error {
	if token == "" || !l.ActsByToken(username) {
		return nil
	}
	t, err := s.UserToken(l, username, token)
	if err != nil {
		return err
	}
	// What came of his former token is of a sign-in that this one ended.
	for _, mid := range []int64{0, l.Tenant.MID} {
		s.tenant.drop(tenantKey(l, username, mid), func(engagement.Token) bool { return true })
	}
	return s.store.PutUserToken(ctx, t)
}

const (
	// tokenIdle is how long a user's refresh token may lie unused before it is renewed: they live for 30 days
	// (engagement-wire 2.1), and a setting may make it less.
	tokenIdle = 10 * 24 * time.Hour
	// tokenBatch is how many are renewed at a time.
	tokenBatch = 50
)

// RenewIdle renews refresh tokens of users that were not used for long, so that who does not come for a month is still
// mapped. A token that cannot be used is passed until it has lain as long again; whose it is, is told when his mapping is
// tried. What cannot be renewed because Engagement does not answer is the next time's.
func (s *Service) RenewIdle(ctx context.Context, l Link) error {
	if !l.Tenant.Driver.KeepsSecrets() || s.Interrupted(l) != nil || s.Copied(ctx, l) {
		return nil
	}
	idle, err := s.store.IdleUserTokens(ctx, l.Pair, s.Now(l).Add(-tokenIdle), tokenBatch)
	if err != nil {
		return err
	}
	if len(idle) == 0 {
		return nil
	}
	secret, err := s.UserClientSecret(ctx, l)
	if err != nil {
		return err
	}
	for _, name := range idle {
		if _, err := s.refreshUser(ctx, l, name, 0, l.UserClientID(), secret); err != nil && !unusable(err) {
			return err
		}
	}
	return nil
}

// unusable reports whether a refresh token was of no use by its own fault: others may be.
func unusable(err error) bool {
	code := fault.CodeOf(err)
	return NeedsGrant(err) || code == CodeAddressChanged || code == CodeCredentialCorrupt
}

// strangerAge is how long a refresh token may lie unused with nobody mapped by it: until then the mapping may be in the making.
const strangerAge = 10 * time.Minute

// ForgetStrangers forgets refresh tokens of users who are neither mapped nor the span's own, and names them: by each, Connect
// could act for somebody whom no list names. A crash between the token and the mapping leaves one.
func (s *Service) ForgetStrangers(ctx context.Context, l Link) ([]string, error) {
	return s.store.DeleteStrangers(ctx, l.Pair, s.Now(l).Add(-strangerAge))
}

// ForgetUser forgets the refresh token of a user; without one nothing happens.
func (s *Service) ForgetUser(ctx context.Context, l Link, username string) error {
	if !l.Tenant.Driver.KeepsSecrets() {
		return nil
	}
	return s.store.DeleteUserToken(ctx, l.Pair, strings.ToLower(username))
}

// MayVouch refuses what needs grants of users who have not signed in themselves: only by key can Connect use them.
func (l Link) MayVouch() error {
	switch {
	case !l.HasGrants():
		return fault.New(fault.Conflict, CodeNeedsTenantOAuth, "By the customer's own package nobody is mapped without his own sign-in, and a tenant makes no grants for others: he opens the Marketing Cloud tab once.")
	case l.Tenant.Driver.KeepsSecrets():
		return fault.New(fault.Conflict, CodeNeedsTenantOAuth, "Without tenant-specific OAuth nobody is mapped without his own sign-in: he opens the Marketing Cloud tab once, or upgrade.")
	}
	return nil
}
