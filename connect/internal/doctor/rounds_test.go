package doctor_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/webhook"
)

// outbox is a store in which one message waits; what else stores do it cannot.
type outbox struct {
	doctor.RoundStore
	watch doctor.Watch
	one   doctor.Delivery
	next  time.Time // zero once it is settled
	why   string
}

func (o *outbox) ClaimRounds(context.Context, time.Time, time.Duration) ([]string, error) {
	return nil, nil
}

func (o *outbox) Watch(context.Context, string) (doctor.Watch, error) { return o.watch, nil }

func (o *outbox) ClaimDeliveries(_ context.Context, now, _ time.Time, _ int) ([]doctor.Delivery, error) {
	if o.next.IsZero() || now.Before(o.next) {
		return nil, nil
	}
	o.one.Tries++
	return []doctor.Delivery{o.one}, nil
}

func (o *outbox) SettleDelivery(_ context.Context, _ doctor.Delivery, next time.Time, why string) error {
	o.next, o.why = next, why
	return nil
}

// letters is a mail server that answers as it is told.
type letters struct{ err error }

func (l letters) Recipients(context.Context, link.Link) ([]string, error) { return nil, nil }

func (l letters) Mail(context.Context, string, string, string, string) error { return l.err }

// TestTelling: what is not taken is tried again at longer and longer times, six times; what is refused for good, or may have been
// taken as a mail, is not.
func TestTelling(t *testing.T) {
	t.Parallel()
	status, asked := http.StatusServiceUnavailable, 0
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(status)
	}))
	t.Cleanup(hook.Close)
	now := noon
	machine := func() time.Time { return now }
	hooks, err := webhook.New(webhook.Options{Allowed: []string{hook.Listener.Addr().String()}, Machine: machine})
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := v.Seal([]byte(`{"url":"`+hook.URL+`/x","secret":"a secret of sixteen"}`), doctor.WatchAAD("p", webhook.Origin(hook.URL)))
	if err != nil {
		t.Fatal(err)
	}
	run := func(d doctor.Delivery, w doctor.Watch, post error) (o *outbox, waits []time.Duration) {
		t.Helper()
		o = &outbox{watch: w, one: d, next: now}
		r := doctor.NewRounds(doctor.RoundOptions{Store: o, Post: letters{post}, Hooks: hooks, Vault: v, Log: slog.New(slog.DiscardHandler), Machine: machine})
		for !o.next.IsZero() && len(waits) < 20 {
			now = o.next
			if err := r.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !o.next.IsZero() {
				waits = append(waits, o.next.Sub(now))
			}
		}
		return o, waits
	}
	event := doctor.Delivery{Pair: "p", Seq: 1, Channel: "webhook", Body: "{}"}
	there := doctor.Watch{Origin: webhook.Origin(hook.URL), Sealed: sealed}
	o, waits := run(event, there, nil)
	if want := []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}; !slices.Equal(waits, want) || asked != 6 || o.why == "" {
		t.Errorf("tried after %v, %d times: %q", waits, asked, o.why)
	}
	status, asked = http.StatusGone, 0
	if o, waits = run(event, there, nil); len(waits) > 0 || asked != 1 || o.why == "" {
		t.Errorf("refused for good: tried after %v, %q", waits, o.why)
	}
	status, asked = http.StatusOK, 0
	if o, waits = run(event, there, nil); len(waits) > 0 || asked != 1 || o.why != "" {
		t.Errorf("taken: tried after %v, %q", waits, o.why)
	}
	// A webhook that is gone, or whose secret was moved to another origin or connection, is given up, and nothing is posted.
	asked = 0
	for name, w := range map[string]doctor.Watch{"gone": {}, "another origin": {Origin: "https://elsewhere.example", Sealed: sealed}} {
		if o, waits = run(event, w, nil); len(waits) > 0 || asked != 0 || o.why == "" {
			t.Errorf("%s: tried after %v, asked %d times, %q", name, waits, asked, o.why)
		}
	}
	letter := doctor.Delivery{Pair: "p", Seq: 1, Channel: "mail", Target: "olga@admin.example"}
	if o, waits = run(letter, there, fault.New(fault.Unavailable, mail.CodeDeferred, "later")); len(waits) != 5 || o.why != "later" {
		t.Errorf("a mail that is put off: %v %q", waits, o.why)
	}
	if o, waits = run(letter, there, fault.New(fault.Unavailable, mail.CodeInDoubt, "nobody knows")); len(waits) != 0 || o.why != "nobody knows" {
		t.Errorf("a mail in doubt: %v %q", waits, o.why)
	}
}

// TestRoundAfterRound: what is open counts from a severity on; what could not be checked is as it was.
func TestRoundAfterRound(t *testing.T) {
	t.Parallel()
	inactive := mayaIs(func(u *doctor.OrgUser) { u.Active = false })
	used := func(left int64) func(*doctor.Look) {
		return change(limitsOf, func(x *crm.Limits) { x.DailyAPIRequests.Remaining = left })
	}
	unassigned := func(l *doctor.Look) { mayaIs(func(u *doctor.OrgUser) { u.Approved = false })(l) }
	steps := []struct {
		name               string
		how                func(*doctor.Look)
		state              doctor.Condition
		open, began, ended []string
	}{
		{"well", func(*doctor.Look) {}, doctor.Healthy, nil, nil, nil},
		{"a notice does not count", func(l *doctor.Look) { l.Tenant = doctor.Got(map[string]any{"any_sender": true}) }, "notice", nil, nil, nil},
		{"somebody is not assigned", unassigned, "error", []string{"D07"}, []string{"D07"}, nil},
		{"he is still not", unassigned, "error", []string{"D07"}, nil, nil},
		{"nothing of the org is read", func(l *doctor.Look) { unreadOrg(l, "no") }, doctor.PartlySeen, []string{"D07"}, nil, nil},
		{"he is, and something else is wrong", change(theAppOf, func(a *doctor.App) { a.IPRelaxation = "ENFORCE" }), "error", []string{"D03"}, []string{"D03"}, []string{"D07"}},
		{"well again", func(*doctor.Look) {}, doctor.Healthy, nil, nil, []string{"D03"}},
		// What is open of one check hides neither another of whom it is true, nor that it has become worse.
		{"a user is inactive", inactive, "error", []string{"D08"}, []string{"D08"}, nil},
		{"and the system user is frozen", func(l *doctor.Look) {
			inactive(l)
			change(systemOf, func(u *doctor.OrgUser) { u.Frozen = true })(l)
		}, "error", []string{"D08"}, []string{"D08"}, nil},
		{"nothing of the org is read again", func(l *doctor.Look) { unreadOrg(l, "no") }, doctor.PartlySeen, []string{"D08"}, nil, nil},
		{"the system user is not frozen any more", inactive, "error", []string{"D08"}, nil, nil},
		{"much is used", used(150), "warning", []string{"D37"}, []string{"D37"}, []string{"D08"}},
		{"a little more", used(140), "warning", []string{"D37"}, nil, nil},
		{"almost all", used(10), "error", []string{"D37"}, []string{"D37"}, nil},
		{"less again", used(150), "warning", []string{"D37"}, nil, nil},
	}
	var before doctor.Round
	for _, s := range steps {
		l := well()
		s.how(l)
		r := doctor.RoundAfter(l, before, doctor.Warning)
		if r.State != s.state || !slices.Equal(r.Open, s.open) || !slices.Equal(r.Began, s.began) || !slices.Equal(r.Ended, s.ended) {
			t.Errorf("%s: %s, open %v, began %v, ended %v", s.name, r.State, r.Open, r.Began, r.Ended)
		}
		before = r
	}
}
