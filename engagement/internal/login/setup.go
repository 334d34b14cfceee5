package login

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// Settings, packages with their secrets, and other people's sessions over HTTP are an addition of ours: the real tenant
// has pages for them and no API. All calls carry a bearer token with the scope accounts_write or users_write.

// Callers returns h with every request marked with the address it came from, for the login IP allowlists: as
// [web.RemoteIP] has it, behind trusted proxies the one that they name.
func Callers(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from, err := netip.ParseAddr(web.RemoteIP(r)); err == nil {
			r = r.WithContext(tenant.WithAddress(r.Context(), from))
		}
		h.ServeHTTP(w, r)
	})
}

func (s *Server) mountSetup(mux *web.Mux) {
	mux.HandleFunc("GET /v2/settings", s.setup(s.getSettings))
	mux.HandleFunc("PATCH /v2/settings", s.setup(s.changeSettings))
	mux.HandleFunc("GET /v2/packages", s.setup(s.listPackages))
	mux.HandleFunc("POST /v2/packages", s.setup(s.createPackage))
	mux.HandleFunc("PATCH /v2/packages/{client}", s.setup(s.changePackage))
	mux.HandleFunc("DELETE /v2/packages/{client}", s.setup(s.removePackage))
	mux.HandleFunc("POST /v2/packages/{client}/secret", s.setup(s.stageSecret))
	mux.HandleFunc("POST /v2/packages/{client}/secret/activate", s.setup(s.activateSecret))
	mux.HandleFunc("GET /v2/business-units/{mid}/roles", s.setup(s.listUnitRoles))
	mux.HandleFunc("POST /v2/business-units/{mid}/roles", s.setup(s.giveUnitRole))
	mux.HandleFunc("DELETE /v2/business-units/{mid}/roles", s.setup(s.takeUnitRole))
	mux.HandleFunc("GET /v2/sessions", s.setup(s.listSessions))
	mux.HandleFunc("DELETE /v2/sessions/{id}", s.setup(s.endSession))
}

// setup finds the caller and answers with what the handler gives; nil is 204.
func (s *Server) setup(h func(http.ResponseWriter, *http.Request, tenant.Principal) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := s.bearer(r)
		var body any
		if err == nil {
			body, err = h(w, r, p)
		}
		switch {
		case err != nil:
			s.restFault(w, r, err)
		case body == nil:
			web.NoStore(w)
			w.WriteHeader(http.StatusNoContent)
		default:
			s.writeJSON(w, r, http.StatusOK, body)
		}
	}
}

// wireSettings is tenant.Settings with every field in sight.
type wireSettings struct {
	SessionMinutes     int      `json:"session_minutes"`
	LockoutAfter       int      `json:"lockout_after"`
	NoSOAPPasswords    bool     `json:"no_soap_passwords"`
	RefreshDays        int      `json:"refresh_days"`
	SecretDays         int      `json:"secret_days"`
	PasswordDays       int      `json:"password_days"`
	APIPasswordsExpire bool     `json:"api_passwords_expire"`
	InactiveDays       int      `json:"inactive_days"`
	UIAddresses        []string `json:"ui_addresses"`
	APIAddresses       []string `json:"api_addresses"`
	CallsPerMinute     int      `json:"calls_per_minute"`
	TokensPerMinute    int      `json:"tokens_per_minute"`
	MyDocuments        bool     `json:"my_documents"`
	AnySender          bool     `json:"any_sender"`
}

func showSettings(t tenant.Settings) wireSettings {
	w := wireSettings(t)
	w.UIAddresses, w.APIAddresses = noNil(w.UIAddresses), noNil(w.APIAddresses)
	return w
}

func (s *Server) getSettings(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	t, err := s.o.Setup.Settings(r.Context(), p)
	return showSettings(t), err
}

// changeSettings answers PATCH /v2/settings: what the body names is changed.
func (s *Server) changeSettings(w http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	var q struct {
		SessionMinutes     *int      `json:"session_minutes"`
		LockoutAfter       *int      `json:"lockout_after"`
		NoSOAPPasswords    *bool     `json:"no_soap_passwords"`
		RefreshDays        *int      `json:"refresh_days"`
		SecretDays         *int      `json:"secret_days"`
		PasswordDays       *int      `json:"password_days"`
		APIPasswordsExpire *bool     `json:"api_passwords_expire"`
		InactiveDays       *int      `json:"inactive_days"`
		UIAddresses        *[]string `json:"ui_addresses"`
		APIAddresses       *[]string `json:"api_addresses"`
		CallsPerMinute     *int      `json:"calls_per_minute"`
		TokensPerMinute    *int      `json:"tokens_per_minute"`
		MyDocuments        *bool     `json:"my_documents"`
		AnySender          *bool     `json:"any_sender"`
	}
	if err := web.ReadJSON(w, r, maxBody, &q, strictjson.KnownKeysOnly()); err != nil {
		return nil, err
	}
	t, err := s.o.Setup.ChangeSettings(r.Context(), p, func(t *tenant.Settings) {
		take(&t.SessionMinutes, q.SessionMinutes)
		take(&t.LockoutAfter, q.LockoutAfter)
		take(&t.NoSOAPPasswords, q.NoSOAPPasswords)
		take(&t.RefreshDays, q.RefreshDays)
		take(&t.SecretDays, q.SecretDays)
		take(&t.PasswordDays, q.PasswordDays)
		take(&t.APIPasswordsExpire, q.APIPasswordsExpire)
		take(&t.InactiveDays, q.InactiveDays)
		take(&t.UIAddresses, q.UIAddresses)
		take(&t.APIAddresses, q.APIAddresses)
		take(&t.CallsPerMinute, q.CallsPerMinute)
		take(&t.TokensPerMinute, q.TokensPerMinute)
		take(&t.MyDocuments, q.MyDocuments)
		take(&t.AnySender, q.AnySender)
	})
	return showSettings(t), err
}

func take[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// wirePackage is an installed package without its secrets.
type wirePackage struct {
	ClientID      string   `json:"client_id"`
	Name          string   `json:"name"`
	Type          string   `json:"type"`
	Scopes        []string `json:"scopes"`
	RedirectURIs  []string `json:"redirect_uris"`
	MID           int64    `json:"mid"`
	MIDs          []int64  `json:"mids"`                     // business units that it may work in; empty is all
	LoginEndpoint string   `json:"login_endpoint,omitempty"` // of its component "Marketing Cloud App"
	Active        bool     `json:"active"`
	SecretExpires string   `json:"secret_expires,omitempty"` // RFC 3339; absent where it does not
	Staged        bool     `json:"staged_secret"`
	Certificate   string   `json:"certificate,omitempty"` // PEM; absent where none is set
}

func (s *Server) listPackages(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	all, err := s.o.Setup.Packages(r.Context(), p)
	if err != nil {
		return nil, err
	}
	items := make([]wirePackage, len(all))
	for i, k := range all {
		items[i] = showPackage(k)
	}
	return map[string]any{"items": items}, nil
}

func showPackage(k tenant.Package) wirePackage {
	w := wirePackage{
		ClientID: k.ClientID, Name: k.Name, Type: string(k.Type), Scopes: noNil(k.Scopes), RedirectURIs: noNil(k.RedirectURIs),
		MID: int64(k.MID), MIDs: []int64{}, LoginEndpoint: k.LoginEndpoint, Active: k.Active, SecretExpires: when(k.SecretExpires), Staged: len(k.StagedHash) > 0, Certificate: k.Certificate,
	}
	for _, mid := range k.MIDs {
		w.MIDs = append(w.MIDs, int64(mid))
	}
	return w
}

// createPackage answers POST /v2/packages with the new package and its secret, which is shown this once.
func (s *Server) createPackage(w http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	var q struct {
		Name          string   `json:"name"`
		Type          string   `json:"type"`
		Scopes        []string `json:"scopes"`
		RedirectURIs  []string `json:"redirect_uris"`
		MID           int64    `json:"mid"`
		MIDs          []int64  `json:"mids"`
		LoginEndpoint string   `json:"login_endpoint"`
	}
	if err := web.ReadJSON(w, r, maxBody, &q, strictjson.KnownKeysOnly()); err != nil {
		return nil, err
	}
	k, secret, err := s.o.Setup.CreatePackage(r.Context(), p, tenant.PackageSpec{
		Name: q.Name, Type: tenant.Integration(q.Type), Scopes: q.Scopes, RedirectURIs: q.RedirectURIs, MID: q.MID, MIDs: q.MIDs, LoginEndpoint: q.LoginEndpoint,
	})
	return struct {
		wirePackage
		Secret string `json:"client_secret,omitempty"`
	}{showPackage(k), secret}, err
}

// changePackage answers PATCH /v2/packages/{client}: what the body names is changed, and is in force at once. The answer is
// the package, with what ended and what stops.
func (s *Server) changePackage(w http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	var q struct {
		Name          *string   `json:"name"`
		Active        *bool     `json:"active"`
		Scopes        *[]string `json:"scopes"`
		RedirectURIs  *[]string `json:"redirect_uris"`
		MIDs          *[]int64  `json:"mids"`
		LoginEndpoint *string   `json:"login_endpoint"`
	}
	if err := web.ReadJSON(w, r, maxBody, &q, strictjson.KnownKeysOnly()); err != nil {
		return nil, err
	}
	k, err := s.o.Setup.ChangePackage(r.Context(), p, r.PathValue("client"), tenant.PackageChange(q))
	return struct {
		wirePackage
		EndedSignIns int    `json:"ended_sign_ins"`
		EndedGrants  int    `json:"ended_grants"`
		Notice       string `json:"notice,omitempty"`
	}{showPackage(k.Package), k.Ended.SignIns, k.Ended.Grants, k.Notice}, err
}

func (s *Server) removePackage(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	return nil, s.o.Setup.RemovePackage(r.Context(), p, r.PathValue("client"))
}

// stageSecret answers POST /v2/packages/{client}/secret with a new secret, which is shown this once. Both are good until
// the new one is activated. {"replace":true} ends one that is staged already.
func (s *Server) stageSecret(w http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	var q struct {
		Replace bool `json:"replace"`
	}
	if r.ContentLength != 0 {
		if err := web.ReadJSON(w, r, maxBody, &q, strictjson.KnownKeysOnly()); err != nil {
			return nil, err
		}
	}
	secret, expires, err := s.o.Setup.StageSecret(r.Context(), p, r.PathValue("client"), q.Replace)
	if err != nil {
		return nil, err
	}
	answer := map[string]string{"client_id": r.PathValue("client"), "client_secret": secret}
	if text := when(expires); text != "" {
		answer["expires"] = text
	}
	return answer, nil
}

func (s *Server) activateSecret(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	return nil, s.o.Setup.ActivateSecret(r.Context(), p, r.PathValue("client"))
}

// listSessions answers GET /v2/sessions?username=NAME.
func (s *Server) listSessions(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	q, err := web.Query(r)
	if err != nil {
		return nil, err
	}
	if q.Get("username") == "" {
		return nil, missing("username")
	}
	all, err := s.o.Setup.UserSessions(r.Context(), p, q.Get("username"))
	if err != nil {
		return nil, err
	}
	items := make([]map[string]string, len(all))
	for i, one := range all {
		items[i] = map[string]string{"id": strconv.FormatInt(one.ID, 10), "since": when(one.Created), "last_used": when(one.Seen), "user_agent": one.UserAgent}
	}
	return map[string]any{"items": items}, nil
}

func (s *Server) endSession(_ http.ResponseWriter, r *http.Request, p tenant.Principal) (any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, fault.New(fault.NotFound, tenant.CodeNotFound, "There is no such session.")
	}
	return nil, s.o.Setup.EndSession(r.Context(), p, id)
}

// when is RFC 3339; "" for the zero time.
func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
