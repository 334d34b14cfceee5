package login

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// The device flow (crm-wire 1.3, RFC 8628): an app without a browser shows a code, a person types it at devicePath, and
// the app asks until there is an answer. It is off until the app's administrator turns it on: whoever can make somebody
// type a code gets in as that person.
const (
	devicePath     = "/setup/connect"
	responseDevice = "device_code"
	grantDevice    = "device"
)

const (
	codeDeviceOff     fault.Code = "device_flow_off"
	codeDevicePending fault.Code = "device_pending"
	codeDeviceSoon    fault.Code = "device_soon"
	codeDeviceDenied  fault.Code = "device_denied"
	codeDeviceExpired fault.Code = "device_expired"
)

// deviceAnswer begins the flow.
type deviceAnswer struct {
	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
	Interval        int    `json:"interval"`   // seconds
	ExpiresIn       int    `json:"expires_in"` // seconds
}

// startDevice answers a token request with response_type device_code.
func (s *Server) startDevice(ctx context.Context, req *tokenRequest) (*deviceAnswer, error) {
	app, err := s.client(ctx, req.client, func(*org.App) bool { return false })
	if err != nil {
		return nil, err
	}
	if !app.MayDevice() {
		return nil, fault.New(fault.Denied, codeDeviceOff, "the device flow is not enabled for this app")
	}
	scopes, err := org.GrantScopes(app.ConnectedApp, req.scope)
	if err != nil {
		return nil, err
	}
	now := s.clock.Now(string(app.Org))
	for range 3 { // a user code of eight letters may be taken
		d := org.DeviceRequest{ID: s.numbers.Next(), ConsumerKey: app.ConsumerKey, Scopes: scopes, Created: now, Expires: now.Add(org.DeviceLife)}
		a := &deviceAnswer{VerificationURI: s.base + devicePath, Interval: int(org.DeviceInterval.Seconds()), ExpiresIn: int(org.DeviceLife.Seconds())}
		a.DeviceCode, d.CodeHash = org.NewDeviceCode(d.ID)
		a.UserCode, d.UserCodeHash = org.NewUserCode()
		if err = s.store.AddDevice(ctx, d); err == nil {
			return a, nil
		}
		if fault.CodeOf(err) != org.CodeNumberTaken {
			break
		}
	}
	return nil, err
}

// deviceGrant is the device's question.
type deviceGrant struct{ s *Server }

func (deviceGrant) subtype() string      { return org.SubtypeDevice }
func (deviceGrant) anonymous() bool      { return false }
func (deviceGrant) secret(*org.App) bool { return false }

func (g deviceGrant) allowed(ctx context.Context, sub *subject) error {
	return g.s.known.AllowedByAdmin(ctx, sub.user, sub.app)
}

func (g deviceGrant) subject(ctx context.Context, r *tokenRequest, app *org.App) (*subject, error) {
	if r.code == "" {
		return nil, errMissing("code")
	}
	if !app.MayDevice() {
		return nil, fault.New(fault.Denied, codeDeviceOff, "the device flow is not enabled for this app")
	}
	expired := fault.New(fault.Unauthenticated, codeDeviceExpired, "the device code has expired")
	number := org.DeviceNumber(r.code)
	if number < 0 {
		return nil, expired
	}
	d, err := g.s.store.Device(ctx, number)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, expired
		}
		return nil, err
	}
	now := g.s.clock.Now(string(app.Org))
	if !d.Matches(r.code) || d.ConsumerKey != app.ConsumerKey || !now.Before(d.Expires) || d.State == org.DeviceUsed {
		return nil, expired
	}
	soon, err := g.s.store.PollDevice(ctx, d.ID, g.s.clock.Machine())
	switch {
	case err != nil:
		return nil, err
	case soon:
		return nil, fault.New(fault.Limited, codeDeviceSoon, "the device asks too often")
	case d.State == org.DevicePending:
		return nil, fault.New(fault.Denied, codeDevicePending, "the user has not answered yet")
	case d.State == org.DeviceDenied:
		return nil, fault.New(fault.Denied, codeDeviceDenied, "end-user denied authorization")
	}
	u, err := g.s.known.UserByID(ctx, d.Org, d.User)
	if err != nil {
		return nil, err
	}
	made := org.Grant{ID: d.Grant, Org: d.Org, User: d.User, App: app.ID, Scopes: d.Scopes, Created: now}
	sub := &subject{app: app, user: u, scopes: d.Scopes, grant: made.ID}
	if org.MayRefresh(d.Scopes) {
		sub.refresh, made.RefreshHash = org.NewRefreshToken(made.ID)
	}
	if slices.Contains(d.Scopes, org.ScopeOpenID) {
		sub.idToken = &oauth.IDToken{}
	}
	sub.save = func(ctx context.Context, ss org.StoredSession, e org.LoginEvent) error {
		err := g.s.store.RedeemDevice(ctx, d.ID, made, ss, e)
		if fault.CodeOf(err) == org.CodeAlreadyUsed {
			return expired
		}
		return err
	}
	return sub, nil
}

// textNoDevice answers every code that nothing can be done with, so that nobody learns which codes there are.
const textNoDevice = "There is no such code, or it is too old. Please look at your device again."

// serveConnect shows the form for the code, to a person who has signed in.
func (s *Server) serveConnect(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	session, u, ok, err := s.grantor(r)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	code := q.Get(pages.FieldUserCode)
	if !ok {
		then := devicePath
		if code != "" {
			then += "?" + url.Values{pages.FieldUserCode: {code}}.Encode()
		}
		s.showPlainLogin(w, r, localPath(then))
		return
	}
	s.showConnect(w, r, session, u, code, "")
}

func (s *Server) showConnect(w http.ResponseWriter, r *http.Request, session org.Session, u org.User, code, refusal string) {
	sealed, err := s.sealDevice(w, r, session, 0)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.render(w, r, pages.Connect{Action: devicePath, Transaction: sealed, Code: code, User: u.Username, Error: refusal})
}

func (s *Server) sealDevice(w http.ResponseWriter, r *http.Request, session org.Session, device int64) (string, error) {
	t := s.newTransaction()
	t.Session, t.Device, t.Then = session.ID, device, "/"
	return s.seal(t, s.browser(w, r))
}

// serveConnectForm takes the code, and then the answer. Between the two the person sees who asks for what.
func (s *Server) serveConnectForm(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	var t *transaction
	if err == nil {
		t, err = s.unseal(form.Get(pages.FieldTransaction), s.cookie(r, browserCookie))
	}
	if err == nil {
		err = s.connect(w, r, t, form)
	}
	if err != nil {
		s.pageError(w, r, err)
	}
}

func (s *Server) connect(w http.ResponseWriter, r *http.Request, t *transaction, form url.Values) error {
	ctx := r.Context()
	session, u, ok, err := s.grantor(r)
	if err != nil {
		return err
	}
	if !ok || t.Session != session.ID || t.Consumer != "" {
		return fault.New(fault.Denied, codeTransactionClosed, "You have logged out or in again meanwhile. Please start again.")
	}
	typed := form.Get(pages.FieldUserCode)
	d, app, err := s.findDevice(ctx, t.Device, typed, session, u, callerOf(r))
	if err != nil {
		return err
	}
	if app == nil {
		s.showConnect(w, r, session, u, "", textNoDevice)
		return nil
	}
	if t.Device == 0 {
		sealed, err := s.sealDevice(w, r, session, d.ID)
		if err != nil {
			return err
		}
		s.render(w, r, pages.Consent{Action: devicePath, Transaction: sealed, App: app.Name, User: u.Username, Scopes: d.Scopes, Device: true})
		return nil
	}
	var approval *org.Grant
	switch form.Get(pages.FieldDecision) {
	case pages.DecisionAllow:
		approval = &org.Grant{ID: s.numbers.Next(), Org: session.Org, User: session.User, App: app.ID, Scopes: d.Scopes, Created: s.clock.Now(string(session.Org))}
	case pages.DecisionDeny:
	default:
		return errMissing(pages.FieldDecision)
	}
	if _, err := s.store.AnswerDevice(ctx, d.ID, approval); err != nil {
		if fault.CodeOf(err) == org.CodeDeviceAnswered {
			return fault.New(fault.Denied, codeTransactionClosed, "This code was answered before. Please start again.")
		}
		return err
	}
	if approval != nil {
		s.known.SetupChanged(session.Org) // what was remembered of the user's approvals
	}
	s.render(w, r, pages.Connected{User: u.Username, App: app.Name, Allowed: approval != nil})
	return nil
}

// findDevice finds a waiting request by number or by what was typed; a nil app where there is none for this user.
func (s *Server) findDevice(ctx context.Context, number int64, typed string, session org.Session, u org.User, c caller) (org.DeviceRequest, *org.App, error) {
	var d org.DeviceRequest
	var err error
	if number != 0 {
		d, err = s.store.Device(ctx, number)
	} else {
		err = s.throttle.Guard(ctx, "device:"+string(u.ID), c.ip, func() (err error) {
			d, err = s.store.DeviceByUserCode(ctx, org.UserCodeHash(strings.TrimSpace(typed)))
			if err != nil && fault.KindOf(err) == fault.NotFound {
				err = fault.Wrap(err, fault.NotFound, org.CodeUserCode, "No device waits with this code.")
			}
			return err
		})
	}
	if err != nil {
		return d, nil, unlessNotFound(err)
	}
	app, err := s.known.AppByConsumerKey(ctx, d.ConsumerKey)
	if err != nil {
		return d, nil, unlessNotFound(err)
	}
	if app.Org != session.Org || !app.MayDevice() || d.State != org.DevicePending || !s.clock.Now(string(app.Org)).Before(d.Expires) {
		return d, nil, nil
	}
	if err := s.known.AllowedByAdmin(ctx, u, app); err != nil {
		return d, nil, err
	}
	return d, app, nil
}
