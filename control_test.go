package twinspan_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
)

func controlOf(t *testing.T, r twinspan.Ready) *control.Client {
	t.Helper()
	c, err := control.New(r.Control.URL, vault.Secret(r.Control.Token), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// One clock moves all three houses, and a restart keeps it.
func TestTheClockMovesEveryHouse(t *testing.T) {
	t.Parallel()
	conf := freePorts(t.TempDir())
	p := start(t, conf)
	ctl := controlOf(t, p.Ready())
	org := signIn(t, p.Ready(), p.Ready().CRM.Users[0])
	if _, err := org.Query(bounded(t), "SELECT Id FROM User"); err != nil {
		t.Fatal(err)
	}
	now, err := ctl.Advance(bounded(t), 14*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Until(now.Now) - 14*24*time.Hour; d.Abs() > time.Minute {
		t.Errorf("advanced to %v", now)
	}
	if _, err := org.Query(bounded(t), "SELECT Id FROM User"); err == nil {
		t.Error("a session outlived two weeks")
	}
	if s, _ := status(t, p.Ready()); s.State != "connected" { // its tokens died too; Connect gets fresh ones by key
		t.Errorf("after two weeks: %+v", s)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := controlOf(t, start(t, conf).Ready())
	if got, err := again.Clock(bounded(t)); err != nil || got.Offset != "336h0m0s" {
		t.Errorf("after a restart the clock is %+v, %v", got, err)
	}
	back, err := again.SetClock(bounded(t), time.Now())
	if err != nil || time.Until(back.Now).Abs() > time.Minute {
		t.Errorf("set back to %+v, %v", back, err)
	}
}

// raw makes a control call outside the client.
func raw(t *testing.T, r twinspan.Ready, token, method, path, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(bounded(t), method, r.Control.URL+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestTheControlAPIRefusesClearly(t *testing.T) {
	t.Parallel()
	conf := freePorts("")
	conf.Ephemeral, conf.Fixture, conf.Record = true, twinspan.FixtureNewOrg, -1
	r := start(t, conf).Ready()
	good := r.Control.Token
	for name, c := range map[string]struct {
		token, method, path, contentType, body string
		status                                 int
		code                                   string
	}{
		"no token":         {"", "GET", "/clock", "", "", 401, "control_token_required"},
		"wrong token":      {good + "x", "GET", "/clock", "", "", 401, "control_token_required"},
		"token of Connect": {r.Connect.APIToken, "GET", "/clock", "", "", 401, "control_token_required"},
		"other pair":       {good, "GET", "/clock?pair=none", "", "", 404, "no_such_pair"},
		"no such path":     {good, "GET", "/services/data", "", "", 404, "not_found"},
		"other method":     {good, "DELETE", "/clock", "", "", 405, "method_not_allowed"},
		"empty change":     {good, "POST", "/clock", "application/json", "{}", 400, "invalid_clock"},
		"two changes":      {good, "POST", "/clock", "application/json", `{"now":"2026-01-01T00:00:00Z","advance":"1h"}`, 400, "invalid_clock"},
		"no duration":      {good, "POST", "/clock", "application/json", `{"advance":"two weeks"}`, 400, "invalid_clock"},
		"beyond reason":    {good, "POST", "/clock", "application/json", `{"now":"2999-01-01T00:00:00Z"}`, 400, "invalid_clock"},
		"no time":          {good, "POST", "/clock", "application/json", `{"now":"tomorrow"}`, 400, ""},
		"other type":       {good, "POST", "/clock", "text/plain", `{"advance":"1h"}`, 415, ""},
		"too large":        {good, "POST", "/clock", "application/json", `{"advance":"` + strings.Repeat("1", 1<<16) + `h"}`, 413, ""},
		"no mail":          {good, "GET", "/mail/999999999999", "", "", 404, ""},
		"no wait":          {good, "GET", "/mail?wait=soon", "", "", 400, "invalid_wait"},
		"not recording":    {good, "GET", "/requests", "", "", 404, "not_recording"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, text := raw(t, r, c.token, c.method, c.path, c.contentType, c.body)
			if status != c.status || !strings.Contains(text, `"error":{"code":"`+c.code) {
				t.Errorf("status %d, want %d with %q:\n%s", status, c.status, c.code, text)
			}
		})
	}
}

// A follower sees requests as they come, without their secrets, and ends when the program stops.
func TestRequestsAreFollowed(t *testing.T) {
	t.Parallel()
	conf := freePorts("")
	conf.Ephemeral, conf.Fixture = true, twinspan.FixtureNewOrg
	p := start(t, conf)
	r := p.Ready()
	ctl := controlOf(t, r)
	seen := make(chan control.Request, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- ctl.Follow(context.WithoutCancel(t.Context()), control.Filter{House: "crm"}, func(r control.Request) error {
			seen <- r
			return nil
		})
	}()
	c, err := crm.New(crm.Options{BaseURL: r.CRM.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Login(bounded(t), r.CRM.Admin.Username, vault.Secret(r.CRM.Admin.Password+r.CRM.Admin.SecurityToken)); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-seen:
		if got.Method != "POST" || got.Path != "/services/Soap/u/65.0" || got.Status != 200 {
			t.Errorf("followed %+v", got)
		}
		if strings.Contains(got.RequestBody+got.ResponseBody, r.CRM.Admin.Password) {
			t.Error("the password was recorded")
		}
	case <-bounded(t).Done():
		t.Fatal("the login was not seen")
	}
	list, err := ctl.Requests(bounded(t), control.Filter{House: "crm"})
	if err != nil || len(list) == 0 {
		t.Errorf("listed %d, %v", len(list), err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-ended:
	case <-bounded(t).Done():
		t.Error("the follower hangs on a program that stopped")
	}
}
