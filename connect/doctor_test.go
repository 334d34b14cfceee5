package connect_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/webhook"
)

// Clouds that take a call and do not answer are named: the look comes to its end, and a round of it is a change of state.
func TestTheDoctorOfSilentClouds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.connectBoth(t)
	if err := w.bridge.Close(); err != nil {
		t.Fatal(err)
	}
	w.openWith(t, connect.Options{SweepEvery: -1, TickEvery: -1, LookEvery: -1, TrackEvery: -1, ExamineEvery: -1, Patience: 50 * time.Millisecond})
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	silent := func(http.ResponseWriter, *http.Request) bool {
		<-over
		return true
	}
	w.org.Before(silent)
	w.tenant.Before(silent)
	status, r := w.call(t, "/api/v1/doctor/rounds", "", map[string]any{})
	began := fmt.Sprint(r["began"])
	if status != 200 || linktest.Text(r, "trouble") != "" || !strings.Contains(began, "T03") {
		t.Errorf("%d began %s: %v", status, began, r)
	}
}

// A connection is looked at by itself when its time comes; what is found newly, and what is gone, is mailed and posted, signed.
func TestTheDoctorsRounds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		type event struct {
			Event, ID, State, Was string
			Began, Ended          []struct{ Check string }
		}
		events := make(chan event, 10)
		const secret = "a secret of sixteen"
		hook := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var e event
			if err := json.Unmarshal(body, &e); err != nil || e.Event != "doctor.changed" || r.Header.Get(webhook.IDHeader) != e.ID {
				t.Errorf("posted: %s %v", body, r.Header)
			}
			stamp, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get(webhook.SignatureHeader), "t="), ",")
			var seconds json.Number = json.Number(stamp)
			at, _ := seconds.Int64()
			if webhook.Sign(vault.Secret(secret), time.Unix(at, 0), body) != r.Header.Get(webhook.SignatureHeader) {
				t.Error("the signature is another")
			}
			events <- e
		}))
		t.Cleanup(hook.Close)
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
		p := &post{came: make(chan struct{}, 100)}
		w.openWith(t, connect.Options{SweepEvery: -1, TickEvery: -1, LookEvery: -1, TrackEvery: -1, ExamineEvery: 10 * time.Millisecond, Mail: p, WebhookTo: []string{hook.Listener.Addr().String()}})
		for _, bad := range []map[string]any{
			{"webhook": "https://127.0.0.1/", "webhook_secret": secret}, {"webhook": hook.URL, "webhook_secret": "short"}, {"webhook": hook.URL}, {"every_minutes": -1}, {"every_minutes": 99999}, {"severity": "worst"}, {"webhook_secret": secret},
		} {
			if status, a := w.call(t, "/api/v1/doctor/watch", "", bad); status != 400 {
				t.Errorf("%v: %d %v", bad, status, a)
			}
		}
		w.wantCall(t, "/api/v1/notifications", "", map[string]any{"recipients": []string{"olga@admin.example"}, "by": "olga"}, 200, "error", "")
		w.tenant.Grant(apiUser.Username, false)
		w.tenant.DropTokens()
		// The first round is made at once.
		a := w.wantCall(t, "/api/v1/doctor/watch", "", map[string]any{"every_minutes": 10, "severity": "error", "webhook": hook.URL + "/path-of-a-secret", "webhook_secret": secret, "by": "olga"}, 200, "webhook", hook.URL)
		if a["every_minutes"] != 10.0 {
			t.Errorf("watched: %v", a)
		}
		next := func() (e event) {
			t.Helper()
			select {
			case e = <-events:
			case <-time.After(30 * time.Second):
				_, list := w.call(t, "/api/v1/doctor/rounds", "", nil)
				t.Fatalf("nothing is posted; rounds: %v", list)
			}
			return e
		}
		e := next()
		if e.State != "error" || len(e.Began) == 0 || len(e.Ended) != 0 {
			t.Errorf("posted: %+v", e)
		}
		found := false
		for _, b := range e.Began {
			found = found || b.Check == "D22"
		}
		if m := p.wait(t); !found || !strings.Contains(m.Text, "D22 The API user can log in") || !strings.Contains(m.Subject, "Something is wrong with the connection") {
			t.Errorf("%+v %+v", e, m)
		}
		w.tenant.Grant(apiUser.Username, true)
		w.call(t, "/api/v1/doctor/rounds", "", map[string]any{})
		if e = next(); len(e.Ended) == 0 || e.Ended[0].Check != "D22" || e.Was != "error" { // nobody put users and package into this org
			t.Errorf("posted: %+v", e)
		}
		if m := p.wait(t); !strings.Contains(m.Text, "Gone:\n") {
			t.Errorf("%+v", m)
		}
		// A round in which nothing changes is kept and not told.
		if _, r := w.call(t, "/api/v1/doctor/rounds", "", map[string]any{}); r["began"] != nil || r["ended"] != nil {
			t.Errorf("%v", r)
		}
		_, list := w.call(t, "/api/v1/doctor/rounds", "", nil)
		if rounds := list["rounds"].([]any); len(rounds) != 3 || rounds[0].(map[string]any)["seq"] != 3.0 {
			t.Errorf("%v", list)
		}
		var text strings.Builder
		if err := w.bridge.WriteMetrics(t.Context(), &text); err != nil || !strings.Contains(text.String(), `twinspan_doctor_deliveries{state="failed"} 0`) || !strings.Contains(text.String(), "twinspan_doctor_round_timestamp_seconds{connection=") {
			t.Errorf("%v\n%s", err, text.String())
		}
		if len(events) > 0 || len(p.took) != 2 {
			t.Errorf("told: %d mails", len(p.took))
		}
	})
}
