package crm_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// replicas are two processes on one PostgreSQL. Their machine time is the real one and what a test adds.
type replicas struct {
	a, b  *appHouse
	ahead atomic.Int64
}

// second lets the time pass after which every replica has heard of a change.
func (r *replicas) second() { r.ahead.Add(int64(time.Second)) }

func openReplicas(t *testing.T) *replicas {
	t.Helper()
	r := &replicas{}
	v, err := vault.Open(filepath.Join(t.TempDir(), "key.json"))
	if err != nil {
		t.Fatal(err)
	}
	o := crm.Options{
		DSN: sqldbtest.DSN(t, "postgres"), Vault: v, Mail: &outbox{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Machine: func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) },
	}
	s := spec()
	s.UsernamePasswordFlow = true
	var houses []*house
	for range 2 {
		h := openWith(t, o, s)
		t.Cleanup(func() {
			if err := h.cloud.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
		})
		houses = append(houses, h)
	}
	r.a = withApp(t, houses[0])
	r.b = &appHouse{house: houses[1], key: r.a.key, consumer: r.a.consumer, system: r.a.system, normal: r.a.normal}
	r.a.approve(t, "Approved", r.a.system, r.a.normal)
	r.a.change(t, map[string]any{"adminApproved": true})
	r.second()
	return r
}

// session is an access token that the replica made and has in its memory.
func (h *appHouse) session(t *testing.T, username string) string {
	t.Helper()
	code, answer := h.bearer(t, username)
	if code != http.StatusOK {
		t.Fatalf("%s: %d %s", username, code, answer)
	}
	token := fmt.Sprint(field(t, answer, "access_token"))
	h.uses(t, token, http.StatusOK)
	return token
}

func (h *appHouse) uses(t *testing.T, token string, want int) {
	t.Helper()
	if code, answer := h.call(t, token, "GET", data+"/sobjects", nil); code != want {
		t.Errorf("using a token: %d %.200s, want %d", code, answer, want)
	}
}

// codeFor walks the authorize pages to a code.
func (h *appHouse) codeFor(t *testing.T, username, password string) string {
	t.Helper()
	p := h.person(t)
	p.signIn(t, username, password)
	to := ""
	p.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "connect.example" {
			to = r.URL.Query().Get("code")
			return http.ErrUseLastResponse
		}
		return nil
	}
	q := url.Values{"response_type": {"code"}, "client_id": {h.consumer}, "redirect_uri": {"https://connect.example/cb"}}
	if status, page := p.get(t, "/services/oauth2/authorize?"+q.Encode()); to == "" {
		t.Fatalf("no code: %d %s", status, page)
	}
	return to
}

func (h *appHouse) redeem(t *testing.T, code string) (int, string) {
	t.Helper()
	return h.token(t, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "client_id": {h.consumer}, "client_secret": {"secret of " + h.spec.MyDomain}, "redirect_uri": {"https://connect.example/cb"},
	})
}

func (h *appHouse) refreshes(t *testing.T, token string) (int, string) {
	t.Helper()
	return h.token(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {h.consumer}, "client_secret": {"secret of " + h.spec.MyDomain}})
}

// What one replica changes holds at the other after a second at most, on tokens that it made and has in its memory.
func TestReplicasHearOfChanges(t *testing.T) {
	t.Parallel()
	r := openReplicas(t)
	a, b := r.a, r.b
	userLogin := a.findID(t, "SELECT Id FROM UserLogin WHERE User.Username = '"+a.normal+"'")
	userID := a.findID(t, "SELECT Id FROM User WHERE Username = '"+a.normal+"'")
	patch := func(path string, body map[string]any) {
		t.Helper()
		if code, answer := a.call(t, a.admin, "PATCH", data+"/sobjects/"+path, body); code != http.StatusNoContent {
			t.Fatalf("%s: %d %s", path, code, answer)
		}
	}
	const inactive = `{"error":"inactive_user","error_description":"user is inactive"}`

	t.Run("freeze and thaw", func(t *testing.T) {
		token := b.session(t, b.normal)
		patch("UserLogin/"+userLogin, map[string]any{"IsFrozen": true})
		r.second()
		b.uses(t, token, http.StatusUnauthorized)
		b.want(t, b.normal, 400, inactive)
		patch("UserLogin/"+userLogin, map[string]any{"IsFrozen": false})
		r.second()
		b.uses(t, token, http.StatusOK)
	})
	t.Run("deactivate", func(t *testing.T) {
		token := b.session(t, b.normal)
		patch("User/"+userID, map[string]any{"IsActive": false})
		r.second()
		b.uses(t, token, http.StatusUnauthorized)
		b.want(t, b.normal, 400, inactive)
		patch("User/"+userID, map[string]any{"IsActive": true})
		r.second()
		b.uses(t, token, http.StatusUnauthorized) // what ended stays ended
		b.want(t, b.normal, 200, "access_token")
	})
	t.Run("permitted users", func(t *testing.T) {
		assignment := a.findID(t, "SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '"+userID+"' AND PermissionSet.Label = 'Approved'")
		b.session(t, b.normal)
		if code, answer := a.call(t, a.admin, "DELETE", data+"/sobjects/PermissionSetAssignment/"+assignment, nil); code != 204 {
			t.Fatalf("%d %s", code, answer)
		}
		r.second()
		b.want(t, b.normal, 400, `{"error":"invalid_app_access","error_description":"user is not admin approved to access this app"}`)
		a.assign(t, a.admin, a.normal, "Approved")
		r.second()
		b.want(t, b.normal, 200, "access_token")
	})
	t.Run("block", func(t *testing.T) {
		token := b.session(t, b.normal)
		a.change(t, map[string]any{"blocked": true})
		r.second()
		b.uses(t, token, http.StatusUnauthorized)
		b.want(t, b.normal, 400, `{"error":"invalid_app_access","error_description":"this app is blocked by admin"}`)
		a.change(t, map[string]any{"blocked": false})
		r.second()
		b.uses(t, token, http.StatusUnauthorized) // what ended stays ended
		b.want(t, b.normal, 200, "access_token")
	})
	t.Run("revoke an access token", func(t *testing.T) {
		token, other := b.session(t, b.normal), b.session(t, b.normal)
		if code, answer := finishPost(t, a.url+"/services/oauth2/revoke", url.Values{"token": {token}}); code != 200 {
			t.Fatalf("%d %s", code, answer)
		}
		r.second()
		b.uses(t, token, http.StatusUnauthorized)
		b.uses(t, other, http.StatusOK)
	})
	t.Run("log out, and end by record", func(t *testing.T) {
		token := b.session(t, b.system)
		if code, answer := a.soapCall(t, token, `<logout xmlns="urn:partner.soap.sforce.com"/>`); code != 200 {
			t.Fatalf("%d %s", code, answer)
		}
		r.second()
		b.uses(t, token, http.StatusUnauthorized)
		token = b.session(t, b.normal)
		id := a.findID(t, "SELECT Id FROM AuthSession WHERE UsersId = '"+userID+"' ORDER BY CreatedDate DESC, Id DESC LIMIT 1")
		if code, answer := a.call(t, a.admin, "DELETE", data+"/sobjects/AuthSession/"+id, nil); code != 204 {
			t.Fatalf("%d %s", code, answer)
		}
		r.second()
		b.uses(t, token, http.StatusUnauthorized)
	})
	t.Run("revoke a refresh token, and policies of it", func(t *testing.T) {
		code, answer := b.redeem(t, b.codeFor(t, b.normal, "user-pw-1"))
		if code != 200 {
			t.Fatalf("%d %s", code, answer)
		}
		token, refresh := fmt.Sprint(field(t, answer, "access_token")), fmt.Sprint(field(t, answer, "refresh_token"))
		b.uses(t, token, http.StatusOK)
		if code, answer := b.refreshes(t, refresh); code != 200 {
			t.Fatalf("%d %s", code, answer)
		}
		const over = `{"error":"invalid_grant","error_description":"expired access/refresh token"}`
		a.change(t, map[string]any{"refreshTokenPolicy": "zero"})
		r.second()
		if code, answer := b.refreshes(t, refresh); code != 400 || answer != over {
			t.Errorf("immediately expire: %d %s", code, answer)
		}
		a.change(t, map[string]any{"refreshTokenPolicy": "infinite"})
		r.second()
		if code, answer := b.refreshes(t, refresh); code != 200 {
			t.Errorf("valid until revoked: %d %s", code, answer)
		}
		if code, answer := finishPost(t, a.url+"/services/oauth2/revoke", url.Values{"token": {refresh}}); code != 200 {
			t.Fatalf("%d %s", code, answer)
		}
		if code, answer := b.refreshes(t, refresh); code != 400 || answer != over { // at once: it is not remembered
			t.Errorf("revoked: %d %s", code, answer)
		}
		r.second()
		b.uses(t, token, http.StatusUnauthorized)
	})
	t.Run("settings and hours", func(t *testing.T) {
		password := func() (int, string) {
			return b.token(t, url.Values{
				"grant_type": {"password"}, "username": {b.normal}, "password": {"user-pw-1TOKEN"}, "client_id": {b.consumer}, "client_secret": {"secret of " + b.spec.MyDomain},
			})
		}
		if code, answer := password(); code != 200 {
			t.Fatalf("%d %s", code, answer)
		}
		a.set(t, "OauthOidcSettings", "<blockOAuthUnPwFlow>true</blockOAuthUnPwFlow>")
		r.second()
		if code, answer := password(); code != 400 || !strings.Contains(answer, "authentication failure") {
			t.Errorf("the password flow is off: %d %s", code, answer)
		}
		token := b.session(t, b.normal)
		closed := ""
		for _, day := range []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} {
			closed += fmt.Sprintf("<%sEnd>0</%sEnd><%sStart>0</%sStart>", day, day, day, day)
		}
		a.profile(t, "Standard", "<loginHours>"+closed+"</loginHours>")
		r.second()
		b.uses(t, token, http.StatusUnauthorized)
		b.want(t, b.normal, 400, "ip restricted or invalid login hours")
		a.profile(t, "Standard", "<loginHours/>")
	})
}

func finishPost(t *testing.T, to string, form url.Values) (int, string) {
	t.Helper()
	res, err := http.PostForm(to, form)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, res)
}

// An assertion and a code are good once, at whichever replica; a code that comes again takes back what it made.
func TestReplicasTakeNothingTwice(t *testing.T) {
	t.Parallel()
	r := openReplicas(t)
	for round := range 5 {
		assertion, err := oauth.SignAssertion(r.a.key, "", oauth.Claims{
			Issuer: r.a.consumer, Subject: r.a.normal, Audience: "https://login.salesforce.com", ID: oauth.NewToken(16), Expires: time.Now().Add(3 * time.Minute),
		})
		if err != nil {
			t.Fatal(err)
		}
		var taken atomic.Int64
		var all sync.WaitGroup
		for i := range 10 {
			h := []*appHouse{r.a, r.b}[i%2]
			all.Go(func() {
				code, answer := h.token(t, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
				if code == 200 {
					taken.Add(1)
				} else if code != 400 || !strings.Contains(answer, "expired authorization code") {
					t.Errorf("a replay: %d %s", code, answer)
				}
			})
		}
		all.Wait()
		if n := taken.Load(); n != 1 {
			t.Errorf("round %d: an assertion was taken %d times", round, n)
		}
	}
	code := r.a.codeFor(t, r.a.normal, "user-pw-1")
	status, answer := r.b.redeem(t, code)
	if status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	token := fmt.Sprint(field(t, answer, "access_token"))
	r.b.uses(t, token, http.StatusOK)
	if status, answer := r.a.redeem(t, code); status != 400 || !strings.Contains(answer, "expired authorization code") {
		t.Errorf("a second use: %d %s", status, answer)
	}
	r.second()
	r.b.uses(t, token, http.StatusUnauthorized)
}
