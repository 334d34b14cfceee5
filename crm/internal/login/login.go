// Package login is the org's door for people and programs: the OAuth 2.0 and OpenID Connect endpoints, one file for
// each grant, the SOAP API's login and session calls, and the pages a browser signs in on. It translates between the
// wire (crm-wire 1 and 2) and the rules in package org.
//
//	/services/oauth2/authorize    sign-in page -> consent page -> code       authorize.go, transaction.go
//	/services/oauth2/token        token.go runs the shared steps; grant_*.go fill in their own
//	/services/oauth2/revoke, introspect, userinfo; /id/ORG/USER              revoke.go, identity.go
//	/.well-known/openid-configuration, /id/keys                              discovery.go
//	/services/Soap/u, /c          login, logout, getUserInfo                 soap.go, soap_write.go
//	/, /login, /secur/logout.jsp  the browser's session                      browser.go, timeout.go
//	/secur/setpassword.jsp, /_ui/system/security/…                           passwords and security tokens: account_pages.go
//	/services/oauth2/singleaccess, /secur/frontdoor.jsp                      frontdoor.go
package login

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/web"
)

// Sealer encrypts what the server hands to a browser and takes back, and the key it signs id_tokens with;
// *vault.Vault is one. What is sealed with aad opens only with the same aad.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Options are the parts of a Server. All are needed but Audiences, IPPolicy, Mail, Records with DNS, and Log.
type Options struct {
	BaseURL   string // where clients reach the server, without a trailing slash; also the issuer
	Directory org.Directory
	Store     org.LoginStore
	Clock     *clock.Domain // keyed by the org's 18-character id
	Vault     Sealer
	// Audiences are further values of an assertion's aud that mean this server, compared exactly.
	Audiences []string
	// IPPolicy decides whether a login from an address is allowed; nil takes the profile's hours and ranges.
	IPPolicy IPPolicy
	// Meter counts SOAP calls but login; nil counts none.
	Meter *org.Meter
	// Mail carries links and security tokens to users; nil means that there is no way to mail.
	Mail mail.Sender
	// Records are the orgs' records, DNS proves whose a domain is.
	Records org.RecordStore
	DNS     org.Resolver
	Limits  org.LoginLimits // of logins by password
	Log     *slog.Logger    // nil discards
}

// IPPolicy decides whether a user may log in from an address.
type IPPolicy interface {
	// AllowLogin returns nil, or a fault with org.CodeIPRestricted or org.CodeLoginHours. app is nil for a SOAP login or a browser's; subtype is
	// the LoginHistory subtype of the grant, "" where there is none.
	AllowLogin(ctx context.Context, u org.User, app *org.App, ip, subtype string) error
}

// Server serves the login endpoints of all orgs. It is an org.Authenticator and an org.Changes.
type Server struct {
	base      string // BaseURL
	host      string
	secure    bool // https
	audiences map[string]bool
	store     org.LoginStore
	clock     *clock.Domain
	vault     Sealer
	ip        IPPolicy
	meter     *org.Meter
	log       *slog.Logger

	known     *org.Known
	sessions  *org.Sessions
	passwords *org.Passwords
	accounts  *org.Accounts
	mails     mailer
	settings  *org.OrgSettings
	senders   *org.Deliverability
	records   *org.Records
	// substitute is what an org mails from whose own address is not verified.
	substitute func(org.ID) string
	throttle   *org.Throttle
	numbers    *org.Numbers
	logins     *org.LastLogins
	seen       *firstSeen
	grants     map[string]grant
	keys       signingKey
	discovery  []byte
}

var (
	_ org.Authenticator = (*Server)(nil)
	_ org.Changes       = (*Server)(nil)
)

// New makes a Server.
func New(o Options) (*Server, error) {
	u, err := url.Parse(o.BaseURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Path != "" || u.RawQuery != "" {
		return nil, fault.New(fault.Invalid, "base_url", "The base URL must be http(s)://host[:port] without a trailing slash.")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	machine := o.Clock.Machine
	known := org.NewKnown(o.Directory, o.Store, machine, oauth.ParseCertificate)
	numbers := org.NewNumbers(machine)
	logins := org.NewLastLogins(o.Store, o.Log)
	s := &Server{
		base: o.BaseURL, host: u.Host, secure: u.Scheme == "https", audiences: audiences(u, o.Audiences),
		store: o.Store, clock: o.Clock, vault: o.Vault, ip: o.IPPolicy, meter: o.Meter, log: o.Log,
		known: known, numbers: numbers, logins: logins,
		sessions:  org.NewSessions(o.Store, known, o.Clock, numbers, logins, o.Log),
		passwords: org.NewPasswords(known, o.Store, o.Clock),
		throttle:  org.NewThrottle(o.Limits, machine),
		seen:      newFirstSeen(),
		keys:      signingKey{store: o.Store, vault: o.Vault},
	}
	if s.ip == nil {
		s.ip = org.LoginRules{Known: known, Clock: o.Clock}
	}
	s.mails = newMailer(o.BaseURL, u.Hostname(), o)
	s.substitute = s.mails.substitute
	if o.Records != nil {
		s.senders = &org.Deliverability{Store: o.Records, Known: known, Clock: o.Clock, DNS: o.DNS, Mail: s.mails, Changes: s, Log: o.Log}
		s.mails.senders = func(ctx context.Context, id org.ID) (org.Sender, error) {
			all, err := s.senders.Senders(ctx, id)
			return all.Sender, err
		}
	}
	s.records = &org.Records{Store: o.Records, Clock: o.Clock, Changes: s, Invite: s.invite}
	s.accounts = &org.Accounts{
		Known: known, Passwords: s.passwords, Throttle: s.throttle, Credentials: o.Store, Store: o.Store, Clock: o.Clock, Changes: s, Mail: s.mails, Log: o.Log,
	}
	s.settings = &org.OrgSettings{Known: known, Store: o.Store, Clock: o.Clock, Changes: s}
	s.discovery, err = discoveryDocument(o.BaseURL)
	if err != nil {
		return nil, err
	}
	s.grants = map[string]grant{
		oauth.GrantJWTBearer:         jwtGrant{s},
		oauth.GrantAuthorizationCode: codeGrant{s},
		oauth.GrantRefreshToken:      refreshGrant{s},
		oauth.GrantPassword:          passwordGrant{s},
		oauth.GrantClientCredentials: clientGrant{s},
		grantDevice:                  deviceGrant{s},
	}
	return s, nil
}

// audiences are the values of aud that mean this server, whatever the org (crm-wire 0.4): its URL and its token
// endpoint, and the two login hosts that some clients always name; each with and without a slash at the end. On a
// loopback address the other spellings of it mean the same server.
func audiences(u *url.URL, more []string) map[string]bool {
	all := map[string]bool{}
	add := func(base string) {
		for _, a := range []string{base, base + tokenPath} {
			all[a], all[a+"/"] = true, true
		}
	}
	add(u.Scheme + "://" + u.Host)
	if isLoopback(u.Hostname()) {
		for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
			if port := u.Port(); port != "" {
				host += ":" + port
			}
			add(u.Scheme + "://" + host)
		}
	}
	for _, a := range append([]string{"https://login.salesforce.com", "https://test.salesforce.com"}, more...) {
		all[a], all[a+"/"] = true, true
	}
	return all
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Paths that other parts of the package name.
const (
	authorizePath = "/services/oauth2/authorize"
	tokenPath     = "/services/oauth2/token"
	consentPath   = "/setup/secur/RemoteAccessAuthorizationPage.apexp"
	loginPath     = "/login"
	LogoutPath    = "/secur/logout.jsp"
	idPath        = "/id/"
)

// Mount routes the server's endpoints.
func (s *Server) Mount(m *web.Mux) {
	m.HandleFunc("POST "+tokenPath, s.serveToken)
	m.HandleFunc("GET "+tokenPath, s.serveTokenGet)
	m.HandleFunc("GET /services/oauth2/revoke", s.serveRevoke)
	m.HandleFunc("POST /services/oauth2/revoke", s.serveRevoke)
	m.HandleFunc("POST /services/oauth2/introspect", s.serveIntrospect)
	m.HandleFunc("GET /services/oauth2/userinfo", s.serveUserinfo)
	m.HandleFunc("POST /services/oauth2/userinfo", s.serveUserinfo)
	m.HandleFunc("GET /services/oauth2/singleaccess", s.serveSingleAccess)
	m.HandleFunc("POST /services/oauth2/singleaccess", s.serveSingleAccess)
	m.HandleFunc("GET "+frontdoorPath, s.serveFrontdoor)
	m.HandleFunc("GET /id/{org}/{user}", s.serveIdentity)
	m.HandleFunc("POST /id/{org}/{user}", s.serveIdentity)
	m.HandleFunc("GET /id/keys", s.serveKeys)
	m.HandleFunc("GET /.well-known/openid-configuration", s.serveDiscovery)
	for _, api := range []string{"u", "c", toolingSOAP} {
		h := soapAPI{s: s, api: api}
		for _, tail := range []string{"", "/{org}", "/{org}/{package}"} {
			m.Handle("POST /services/Soap/"+api+"/{version}"+tail, h)
		}
	}
	form := func(h http.HandlerFunc) http.Handler { return web.ProtectForms(h, http.HandlerFunc(s.denyForm)) }
	m.HandleFunc("GET "+authorizePath, s.moved(s.serveAuthorize))
	m.HandleFunc("POST "+authorizePath, s.serveAuthorize)
	m.Handle("POST "+consentPath, form(s.serveConsent))
	m.HandleFunc("GET /", s.moved(s.SignedIn(s.serveHome)))
	m.HandleFunc("GET "+loginPath, s.moved(s.serveLoginPage))
	m.Handle("POST "+loginPath, form(s.serveLogin))
	m.HandleFunc("GET "+devicePath, s.moved(s.serveConnect))
	m.Handle("POST "+devicePath, form(s.serveConnectForm))
	m.HandleFunc("GET "+LogoutPath, s.serveLogout)
	m.Handle("POST "+LogoutPath, form(s.serveLogout))
	m.HandleFunc("GET "+endSessionPath, s.serveLogout)
	m.HandleFunc("GET "+timeoutPath, s.serveTimeout)
	s.mountAccounts(m, form)
}

// Start begins what goes on beside the requests until Stop: writing down users' last logins.
func (s *Server) Start(ctx context.Context) { s.logins.Start(ctx) }

// stopTimeout bounds what Stop still writes.
const stopTimeout = 10 * time.Second

// Stop ends what Start began, and writes what is not written yet. Stop serving first.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return s.logins.Stop(ctx)
}

// Deliver is the handler of the queue's letters (sqlstore.JobLetter).
func (s *Server) Deliver(ctx context.Context, r *jobs.Run) error { return s.mails.deliver(ctx, r) }

// Accounts is the service that looks after users' credentials.
func (s *Server) Accounts() *org.Accounts { return s.accounts }

// Deliverability is the service that decides what orgs mail from.
func (s *Server) Deliverability() *org.Deliverability { return s.senders }

// Notices is the service that mails warnings about the use of the API.
func (s *Server) Notices(store org.NoticeStore) *org.Notices {
	return &org.Notices{Store: store, Known: s.known, Clock: s.clock, Mail: s.mails}
}

// Records are the records of the orgs, whose changes this server hears of.
func (s *Server) Records() *org.Records { return s.records }

// invite queues what whoever a record is made for is mailed: a new user, or the owner of an address.
func (s *Server) invite(tx org.RecordTx, session org.Session, object string, row org.Values) error {
	found, err := tx.Find(org.StandardSchema().Object(org.ObjectOrganization, nil), session.Org, org.Values{"Id": string(session.Org)}, 1)
	if err != nil || len(found) == 0 {
		return err
	}
	o := org.Org{ID: session.Org, Name: found[0].Text("Name")}
	if object == org.ObjectOrgWideAddress {
		return s.senders.Invite(tx, o, row)
	}
	return s.accounts.Invite(tx, o, org.User{Org: session.Org, ID: row.ID("Id"), Name: row.Text("Name"), Username: row.Text("Username"), Email: row.Text("Email")})
}

// Authenticate implements org.Authenticator.
func (s *Server) Authenticate(ctx context.Context, token string, from org.Origin) (org.Session, error) {
	session, u, err := s.sessions.Use(ctx, token, from)
	if err == nil {
		s.tellCaller(ctx, session, u)
	}
	return session, err
}

// tellCaller tells the recording of the request, where there is one, whose session it is.
func (s *Server) tellCaller(ctx context.Context, session org.Session, u org.User) {
	if !probe.Recording(ctx) {
		return
	}
	name := ""
	if session.App != "" {
		if app, err := s.known.AppByID(ctx, session.Org, session.App); err == nil { // an app that is gone has no name
			name = app.Name
		}
	}
	probe.CalledBy(ctx, u.Username, name)
}

// End implements org.Authenticator.
func (s *Server) End(ctx context.Context, token string) error { return s.sessions.End(ctx, token) }

// SetupChanged implements org.Changes.
func (s *Server) SetupChanged(id org.ID) { s.known.SetupChanged(id) }

// idURL is the identity URL of a user (crm-wire 1.8).
func (s *Server) idURL(orgID, user org.ID) string {
	return s.base + idPath + string(orgID) + "/" + string(user)
}

// caller is what a login notes about who sent the request.
type caller struct {
	ip       string
	agent    string
	platform string
	host     string // that was called, with its port; it decides nothing but which org's My Domain it is
}

func callerOf(r *http.Request) caller {
	return caller{ip: web.RemoteIP(r), agent: agentName(r.UserAgent()), platform: platformOf(r.UserAgent()), host: r.Host}
}

// originOf is where a request comes from, for the rules of sessions.
func originOf(r *http.Request) org.Origin { return org.Origin{IP: web.RemoteIP(r), Host: r.Host} }

// maxName is how many characters Login History keeps of what a client calls itself (its field Application has as many).
const maxName = 80

// printable is what a client calls itself, in ASCII and cut to what a column holds: anybody may write it there.
func printable(name string) string {
	n := 0
	return strings.Map(func(c rune) rune {
		if n++; n > maxName {
			return -1
		}
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, name)
}

// calledAs is the address at which somebody logs in: the My Domain that was called, whoever's it is, and else the server's own,
// by whatever other name it was reached.
func (s *Server) calledAs(host string) string {
	if _, ok := org.MyDomainOf(host); ok {
		return printable(host)
	}
	return s.host
}

// event begins a row of Login History.
func (s *Server) event(u org.User, c caller, kind, subtype, application string) org.LoginEvent {
	return org.LoginEvent{
		Org: u.Org, User: u.ID, Time: s.clock.Now(string(u.Org)), Type: kind, Subtype: subtype, SourceIP: c.ip, LoginURL: s.calledAs(c.host),
		Status: org.StatusSuccess, Application: application, Browser: c.agent, Platform: c.platform,
	}
}

// noteNobody costs what noteRefused costs, for a name that nobody has.
func (s *Server) noteNobody(ctx context.Context, e org.LoginEvent) {
	s.noteRefused(ctx, e, org.StatusInvalidPassword)
}

// noteRefused keeps the row of a login that was refused. The refusal stands whether the row can be kept or not.
func (s *Server) noteRefused(ctx context.Context, e org.LoginEvent, status string) {
	e.ID, e.Status = org.NumberID(org.PrefixLoginHistory, s.numbers.Next()), status
	if err := s.store.AddLoginEvent(ctx, e); err != nil {
		s.log.ErrorContext(ctx, "a refused login is missing from login history", "org", e.Org, "user", e.User, "status", status, "error", err)
	}
}
