// Package api is Connect's own HTTP API, described by connect/openapi.yaml. A bearer token names the pair it speaks for
// and reaches nothing else. Answers are JSON; an error is {"error":{"code","message"}}, and where a cloud refused, code
// and message are that cloud's own words, with its name beside them.
package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/notice"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/connect/internal/units"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// maxBody is the largest request body in bytes.
const maxBody = 64 << 10

// Page sizes of lists.
const (
	defaultPage = 100
	maxPage     = 1000
)

// Options wire a [Server].
type Options struct {
	Access *access.Service
	// Secure says that the console's cookie is that of https.
	Secure bool
	// ConsoleLink makes the one-time link of a pair's console.
	ConsoleLink func(ctx context.Context, pair string) (string, error)
	Links       *link.Service
	Signins     *signin.Service
	Mappings    *mapping.Service
	Leftovers   *mapping.Leftovers
	Imports     *mapping.Importer
	Sends       *send.Service
	Mailings    *mailing.Service
	Tracking    *tracking.Service
	Triggers    *trigger.Service
	Usage       *usage.Service
	Audit       *audit.Service
	// Doctor names the cause of what does not work.
	Doctor *doctor.Service
	// Guides are the founding documents as guides.
	Guides *guide.Service
	// Rounds looks again and again, and keeps what was found.
	Rounds *doctor.Rounds
	// Integration has the integration users of document 004.
	Integration *integration.Service
	Units       *units.Service
	// Notices mails people when a connection breaks.
	Notices *notice.Service
	// APIUser leads through changes of the API user's credentials.
	APIUser *apiuser.Service
	// Migrations reconnects users who were mapped before an upgrade.
	Migrations *migration.Service
	// UpgradePlan tells what an upgrade would do.
	UpgradePlan *upgrade.Planner
	// Schedule books outages.
	Schedule *upgrade.Scheduler
	// Upgrades bring the connection from passwords to keys.
	Upgrades *upgrade.Service
	// TenantOAuth looks how the upgrade of document 002 stands.
	TenantOAuth *tenantoauth.Service
	Calls       Calls
	Vault       *vault.Vault
	Log         *slog.Logger
	Machine     clock.Machine
}

// Server answers the API. It is safe for concurrent use.
type Server struct {
	Options
}

// New returns a server.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Machine == nil {
		o.Machine = time.Now
	}
	return &Server{o}
}

// Route is one method and path of the API. Path values are written {name}.
type Route struct {
	Method string
	Path   string
	serve  func(*Server, context.Context, call) (any, error)
	body   int64 // largest body in bytes; 0 is maxBody
	secret bool  // the body holds secrets: not even its digest is kept, and the call does the same when it is repeated
}

// Routes are all routes of the API, in the order of the description.
func Routes() []Route {
	return []Route{
		{http.MethodGet, "/api/v1/status", (*Server).status, 0, false},
		{http.MethodPost, "/api/v1/status/check", (*Server).checkStatus, 0, false},
		{http.MethodGet, "/api/v1/connection/standing", (*Server).standing, 0, false},
		{http.MethodPost, "/api/v1/connection/standing", (*Server).setStanding, 0, false},
		{http.MethodPost, "/api/v1/connection/org", (*Server).connectOrg, 0, false},
		{http.MethodGet, "/api/v1/connection/settings", (*Server).connectionSettings, 0, false},
		{http.MethodPost, "/api/v1/connection/settings", (*Server).setConnectionSettings, 0, false},
		{http.MethodPost, "/api/v1/connection/org/password", (*Server).connectOrgPassword, 0, true},
		{http.MethodPost, "/api/v1/connection/engagement", (*Server).connectEngagement, 0, false},
		{http.MethodPost, "/api/v1/connection/engagement/password", (*Server).connectEngagementPassword, 0, true},
		{http.MethodPost, "/api/v1/connection/engagement/web-app", (*Server).connectEngagementWebApp, 0, true},
		{http.MethodPost, "/api/v1/connection/disconnect", (*Server).disconnect, 0, false},
		{http.MethodGet, "/api/v1/users", (*Server).users, 0, false},
		{http.MethodGet, "/api/v1/users/{crm_username}", (*Server).user, 0, false},
		{http.MethodPost, "/api/v1/users/map", (*Server).mapUser, 0, false},
		{http.MethodPost, "/api/v1/users/clear", (*Server).clearUsers, 0, false},
		{http.MethodPost, "/api/v1/users/check", (*Server).sweepUsers, 0, false},
		{http.MethodGet, "/api/v1/imports", (*Server).imports, 0, false},
		{http.MethodPost, "/api/v1/imports", (*Server).startImport, mapping.MaxImport + maxBody, false},
		{http.MethodGet, "/api/v1/imports/{import_id}", (*Server).importOne, 0, false},
		{http.MethodGet, "/api/v1/imports/{import_id}/lines", (*Server).importLines, 0, false},
		{http.MethodPost, "/api/v1/imports/{import_id}/cancel", (*Server).cancelImport, 0, false},
		{http.MethodGet, "/api/v1/business-units", (*Server).businessUnits, 0, false},
		{http.MethodPost, "/api/v1/business-units", (*Server).setBusinessUnits, 0, false},
		{http.MethodGet, "/api/v1/notifications", (*Server).notices, 0, false},
		{http.MethodPost, "/api/v1/notifications", (*Server).setNotices, 0, false},
		{http.MethodGet, "/api/v1/api-user/change", (*Server).apiUserPlan, 0, false},
		{http.MethodPost, "/api/v1/api-user/change/pause", (*Server).apiUserPause, 0, false},
		{http.MethodPost, "/api/v1/api-user/change/resume", (*Server).apiUserResume, 0, true},
		{http.MethodPost, "/api/v1/api-user/change/cancel", (*Server).apiUserCancel, 0, false},
		{http.MethodGet, "/api/v1/upgrade/tenant-oauth", (*Server).tenantOAuth, 0, false},
		{http.MethodPost, "/api/v1/upgrade/tenant-oauth/users", (*Server).moveUsers, 0, false},
		{http.MethodPost, "/api/v1/upgrade/tenant-oauth/test", (*Server).testTenantOAuth, 0, false},
		{http.MethodPost, "/api/v1/integration-user", (*Server).connectIntegration, 0, true},
		{http.MethodPost, "/api/v1/integration-user/renew", (*Server).renewIntegration, 0, true},
		{http.MethodPost, "/api/v1/integration-user/remove", (*Server).removeIntegration, 0, false},
		{http.MethodPost, "/api/v1/integration-user/check", (*Server).checkIntegration, 0, true},
		{http.MethodGet, "/api/v1/audit", (*Server).auditEntries, 0, false},
		{http.MethodGet, "/api/v1/audit/verify", (*Server).verifyAudit, 0, false},
		{http.MethodPost, "/api/v1/sends/triggered", (*Server).sendTriggered, 0, false},
		{http.MethodPost, "/api/v1/sends/test", (*Server).sendTest, 0, false},
		{http.MethodGet, "/api/v1/sends/{message_key}", (*Server).send, 0, false},
		{http.MethodGet, "/api/v1/mailings", (*Server).mailings, 0, false},
		{http.MethodPost, "/api/v1/mailings", (*Server).startMailing, 0, false},
		{http.MethodGet, "/api/v1/mailings/{mailing_id}", (*Server).mailing, 0, false},
		{http.MethodGet, "/api/v1/mailings/{mailing_id}/recipients", (*Server).mailingRecipients, 0, false},
		{http.MethodPost, "/api/v1/mailings/{mailing_id}/cancel", (*Server).cancelMailing, 0, false},
		{http.MethodGet, "/api/v1/mailings/{mailing_id}/results", (*Server).mailingResults, 0, false},
		{http.MethodGet, "/api/v1/tracking", (*Server).trackingState, 0, false},
		{http.MethodGet, "/api/v1/tracking/refusals", (*Server).trackingRefusals, 0, false},
		{http.MethodPost, "/api/v1/tracking/pull", (*Server).pullTracking, 0, false},
		{http.MethodGet, "/api/v1/triggers", (*Server).triggers, 0, false},
		{http.MethodPost, "/api/v1/triggers", (*Server).addTrigger, 0, false},
		{http.MethodPost, "/api/v1/triggers/{trigger_id}/active", (*Server).changeTrigger, 0, false},
		{http.MethodPost, "/api/v1/triggers/{trigger_id}/remove", (*Server).removeTrigger, 0, false},
		{http.MethodGet, "/api/v1/triggers/{trigger_id}/firings", (*Server).firings, 0, false},
		{http.MethodGet, "/api/v1/usage", (*Server).usage, 0, false},
		{http.MethodPost, "/api/v1/usage/alerts", (*Server).setUsageAlerts, 0, false},
		{http.MethodGet, "/api/v1/doctor", (*Server).doctor, 0, false},
		{http.MethodPost, "/api/v1/doctor", (*Server).doctorLent, 0, true},
		{http.MethodGet, "/api/v1/doctor/watch", (*Server).watch, 0, false},
		{http.MethodPost, "/api/v1/doctor/watch", (*Server).setWatch, 0, true},
		{http.MethodGet, "/api/v1/doctor/rounds", (*Server).rounds, 0, false},
		{http.MethodPost, "/api/v1/doctor/rounds", (*Server).makeRound, 0, false},
		{http.MethodPost, "/api/v1/doctor/fixes", (*Server).beginFix, 256 << 10, false},
		{http.MethodPost, "/api/v1/doctor/fixes/{fix_id}/end", (*Server).endFix, 256 << 10, true},
		{http.MethodGet, "/api/v1/guides", (*Server).guides, 0, false},
		{http.MethodGet, "/api/v1/guides/{guide}", (*Server).guide, 0, false},
		{http.MethodPost, "/api/v1/guides/{guide}", (*Server).guideLent, 0, true},
		{http.MethodGet, "/api/v1/send-settings", (*Server).sendSettings, 0, false},
		{http.MethodPost, "/api/v1/send-settings", (*Server).setSendSettings, 0, false},
		{http.MethodGet, "/api/v1/outage", (*Server).outage, 0, false},
		{http.MethodPost, "/api/v1/outage", (*Server).setOutage, 0, false},
		{http.MethodPost, "/api/v1/outage/end", (*Server).endOutage, 0, false},
		{http.MethodGet, "/api/v1/upgrade", (*Server).upgrade, 0, false},
		{http.MethodPost, "/api/v1/upgrade", (*Server).startUpgrade, 0, false},
		{http.MethodGet, "/api/v1/upgrade/events", (*Server).upgradeEvents, 0, false},
		{http.MethodGet, "/api/v1/upgrade/report", (*Server).upgradeReport, 0, false},
		{http.MethodPost, "/api/v1/upgrade/steps/{step}", (*Server).tellUpgrade, 0, false},
		{http.MethodPost, "/api/v1/upgrade/cancel", (*Server).cancelUpgrade, 0, false},
		{http.MethodPost, "/api/v1/upgrade/connect-account", (*Server).connectAccount, 0, true},
		{http.MethodGet, "/api/v1/upgrade/migrations", (*Server).migrations, 0, false},
		{http.MethodPost, "/api/v1/upgrade/migrations", (*Server).startMigration, 0, false},
		{http.MethodPost, "/api/v1/upgrade/migrations/retry", (*Server).retryMigration, 0, false},
		{http.MethodGet, "/api/v1/upgrade/migrations/{migration_id}", (*Server).migration, 0, false},
		{http.MethodGet, "/api/v1/upgrade/migrations/{migration_id}/users", (*Server).migrationUsers, 0, false},
		{http.MethodGet, "/api/v1/upgrade/migrations/{migration_id}/report", (*Server).migrationReport, 0, false},
		{http.MethodPost, "/api/v1/upgrade/migrations/{migration_id}/prove", (*Server).proveMigration, 0, false},
		{http.MethodPost, "/api/v1/upgrade/migrations/{migration_id}/cancel", (*Server).cancelMigration, 0, false},
		{http.MethodGet, "/api/v1/upgrade/plan", (*Server).upgradePlan, 0, false},
		{http.MethodGet, "/api/v1/upgrade/schedule", (*Server).upgradeSchedule, 0, false},
		{http.MethodPost, "/api/v1/upgrade/schedule", (*Server).scheduleUpgrade, 0, false},
		{http.MethodGet, "/api/v1/tokens", (*Server).tokens, 0, false},
		{http.MethodPost, "/api/v1/tokens", (*Server).createToken, 0, true},
		{http.MethodPost, "/api/v1/tokens/{token_id}/revoke", (*Server).revokeToken, 0, false},
		{http.MethodPost, "/api/v1/console-link", (*Server).consoleLink, 0, true},
		{http.MethodPost, "/api/v1/upgrade/schedule/withdraw", (*Server).withdrawUpgrade, 0, false},
	}
}

// Prefix begins the paths of the API.
const Prefix = "/api/"

// Mount registers the routes.
func (s *Server) Mount(mux *web.Mux) {
	for _, r := range Routes() {
		mux.HandleFunc(r.Method+" "+r.Path, func(w http.ResponseWriter, req *http.Request) { s.answer(w, req, r) })
	}
}

// NotFound answers paths under Prefix that are no route.
func (s *Server) NotFound(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, fault.New(fault.NotFound, link.CodeNotFound, "There is no such resource."))
}

// MethodNotAllowed answers routes under Prefix that have other methods.
func (s *Server) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, fault.New(fault.Invalid, CodeMethod, "The method is not allowed here. Allowed: %s.", w.Header().Get("Allow")))
}

// call is a request, parsed once.
type call struct {
	link  link.Link
	actor string // as the audit chain names who calls: "API", "console: olga@org.example"
	role  access.Role
	body  []byte
	key   string // Idempotency-Key; "" where none was sent
	value string // of the path
	after string
	state string
	head  string
	// user and before say what the doctor is asked about.
	user, before string
	limit        int
	query        url.Values // of a route that has parameters of its own
}

// decode reads the body strictly: a key that the API does not know is a mistake worth telling.
func (c call) decode(v any) error { return strictjson.Decode(c.body, v, strictjson.KnownKeysOnly()) }

// CodeInvalidActor: a name of who asks that cannot be kept.
const CodeInvalidActor fault.Code = "invalid_actor"

// decodeChange reads the body of a change into in. At by it leaves how the record names who asked: the API's token or the
// console's user, and the name that the caller gave.
func (c call) decodeChange(in any, by *string) error {
	if err := c.decode(in); err != nil {
		return err
	}
	switch {
	case len(*by) > 250 || strings.ContainsFunc(*by, unicode.IsControl):
		return fault.New(fault.Invalid, CodeInvalidActor, "Say who asks in one line of at most 250 bytes.").In("by")
	case *by == "":
		*by = c.actor
	default:
		*by = c.actor + ": " + *by
	}
	return nil
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, route Route) {
	web.NoStore(w)
	c, err := s.parse(w, r, route)
	if err == nil {
		err = route.may(c.link)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if route.Method == http.MethodGet || c.key == "" || route.secret {
		body, err := route.serve(s, r.Context(), c)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		switch body := body.(type) {
		case download:
			s.deliver(w, r, body)
			return
		case stream:
			s.follow(w, r, body)
			return
		}
		s.write(w, r, http.StatusOK, body)
		return
	}
	s.once(w, r, route, c)
}

// download is an answer that is a file and no JSON; it is written as it is made.
type download struct {
	name, mediaType string
	write           func(context.Context, io.Writer) error
}

// deliver writes a file. What goes wrong after it has begun ends the connection, so that nobody takes a half for the whole.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, d download) {
	w.Header().Set("Content-Type", d.mediaType)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.name}))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := d.write(r.Context(), w); err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelWarn, "file not written", slog.String("error", err.Error()), slog.String("request_id", web.RequestIDFrom(r.Context())))
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) parse(w http.ResponseWriter, r *http.Request, route Route) (call, error) {
	who, l, err := s.caller(r)
	probe.CalledBy(r.Context(), who.Username, who.Actor)
	if err != nil {
		return call{}, err
	}
	if err := route.permit(who, l, r.PathValue("crm_username")); err != nil {
		return call{}, err
	}
	c := call{link: l, actor: who.Actor, role: who.Role, value: cmp.Or(r.PathValue("message_key"), r.PathValue("crm_username"), r.PathValue("import_id"), r.PathValue("mailing_id"), r.PathValue("trigger_id"), r.PathValue("step"), r.PathValue("migration_id"), r.PathValue("fix_id"), r.PathValue("guide"), r.PathValue("token_id")), limit: defaultPage}
	query, err := web.Query(r)
	if err != nil {
		return call{}, err
	}
	c.query = query
	c.after, c.state = query.Get("after"), query.Get("state")
	c.head = query.Get("head")
	c.user, c.before = query.Get("user"), query.Get("before")
	if raw := query.Get("limit"); raw != "" {
		if c.limit, err = strconv.Atoi(raw); err != nil || c.limit < 1 || c.limit > maxPage {
			return call{}, fault.New(fault.Invalid, CodeInvalidLimit, "limit is a number from 1 to %d.", maxPage).In("limit")
		}
	}
	if route.Method == http.MethodGet {
		return c, nil
	}
	if err := web.CheckContentType(r, "application/json"); err != nil {
		return call{}, err
	}
	if c.body, err = web.ReadBody(w, r, cmp.Or(route.body, maxBody)); err != nil {
		return call{}, err
	}
	c.key, err = idempotencyKey(r)
	return c, err
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, v any) {
	if err := web.WriteJSON(w, status, v); err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelWarn, "answer not written", slog.String("error", err.Error()), slog.String("request_id", web.RequestIDFrom(r.Context())))
	}
}

// refuse answers with an error and logs what its caller may not see.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, body := translate(err)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the caller is gone
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="twinspan"`)
	}
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	s.Log.LogAttrs(r.Context(), level, "refused", slog.String("path", r.Pattern), slog.Int("status", status), slog.String("error", err.Error()),
		slog.String("request_id", web.RequestIDFrom(r.Context())))
	s.write(w, r, status, body)
}

// encode is the JSON text of an answer, as WriteJSON writes it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}
