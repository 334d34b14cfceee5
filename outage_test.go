package twinspan_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// outage: while the connection is unavailable, everything that needs it says until when. Sends to reports, campaigns,
// contacts, leads and Salesforce data extensions are held and released in order, or fail by name, as the outage has it; what
// Engagement sends of itself goes on.
//
// seed:api S003-08 S003-10 S003-11 S003-12 S003-13 S003-14 S003-15
func (h *house) outage(t *testing.T, kinds []connect.MailingRequest, ann string) {
	ctx := bounded(t)
	must[*connect.Outage](t)(h.connect.SetOutage(ctx, connect.Outage{Mode: "hold", Reason: "upgrade in progress"}, 120, "test", ""))
	held := make([]connect.Mailing, len(kinds))
	for i, r := range kinds {
		held[i] = must[connect.Mailing](t)(h.connect.StartMailing(ctx, r, ""))
		if m := held[i]; m.State != "held" || m.Reason == nil || m.Reason.Code != "connection_unavailable" || !strings.Contains(m.Reason.Message, "upgrade in progress until") {
			t.Errorf("a send to a %s is %s: %+v", r.Kind, m.State, m.Reason)
		}
	}
	single := must[connect.Send](t)(h.connect.SendTriggered(ctx, ann, "welcome", "single"))
	if single.Status != "held" {
		t.Errorf("a triggered send in an outage: %+v", single)
	}
	h.unavailable(t)
	h.engagementSends(t, "hold@customer.example")
	if err := h.connect.EndOutage(ctx, "test", ""); err != nil {
		t.Fatal(err)
	}
	for i := range held {
		held[i] = h.settle(t, held[i].ID, "completed")
	}
	// In order within a lane: one or a few people do not wait behind a campaign.
	for _, pair := range [][2]int{{0, 1}, {2, 3}, {3, 4}} {
		if held[pair[0]].EndedAt.After(*held[pair[1]].EndedAt) {
			t.Errorf("released out of order: the %s at %v, the %s at %v", held[pair[0]].Kind, held[pair[0]].EndedAt, held[pair[1]].Kind, held[pair[1]].EndedAt)
		}
	}
	if single = must[connect.Send](t)(h.connect.Send(ctx, single.MessageKey)); single.Status != "sent" && single.Status != "accepted" {
		t.Errorf("the triggered send is %+v", single)
	}

	// Document 003: sends fail meanwhile, those too whose time comes then. It ends by itself.
	clock := must[control.Clock](t)(h.control.Clock(ctx))
	due, after := clock.Now.Add(time.Hour), clock.Now.Add(3*time.Hour)
	var within []connect.Mailing
	for _, r := range kinds {
		r.At = &due
		within = append(within, must[connect.Mailing](t)(h.connect.StartMailing(ctx, r, "")))
	}
	must[*connect.Outage](t)(h.connect.SetOutage(ctx, connect.Outage{Mode: "fail", Reason: "upgrade in progress"}, 120, "test", ""))
	for _, r := range kinds {
		_, err := h.connect.StartMailing(ctx, r, "")
		refusedFor(t, "a send to a "+r.Kind, err)
	}
	_, err := h.connect.SendTriggered(ctx, ann, "welcome", "another")
	refusedFor(t, "a triggered send", err)
	if again := must[connect.Send](t)(h.connect.SendTriggered(ctx, ann, "welcome", "single")); again.MessageKey != single.MessageKey {
		t.Errorf("a send of before, asked for again: %+v", again)
	}
	h.engagementSends(t, "fail@customer.example")
	r := kinds[0]
	r.At = &after
	beyond := must[connect.Mailing](t)(h.connect.StartMailing(ctx, r, ""))
	must[control.Clock](t)(h.control.Advance(ctx, time.Hour))
	for _, m := range within {
		if m = h.settle(t, m.ID, "failed"); m.Reason == nil || m.Reason.Code != "connection_unavailable" || !strings.Contains(m.Reason.Message, "upgrade in progress until") {
			t.Errorf("a send to a %s, due in an outage: %+v", m.Kind, m.Reason)
		}
	}
	must[control.Clock](t)(h.control.Advance(ctx, 2*time.Hour))
	h.settle(t, beyond.ID, "completed")
	if o := must[*connect.Outage](t)(h.connect.Outage(ctx)); o != nil {
		t.Errorf("the outage goes on: %+v", o)
	}
}

// refusedFor checks that something is refused for the outage, and says until when.
func refusedFor(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "connection_unavailable") || !strings.Contains(err.Error(), "upgrade in progress until") {
		t.Errorf("%s in an outage: %v", what, err)
	}
}

// unavailable checks that everything but sends is refused too: the tab, mapping, imports, results and opt-outs.
func (h *house) unavailable(t *testing.T) {
	t.Helper()
	ctx := bounded(t)
	for what, call := range map[string]func() error{
		"mapping": func() error {
			_, err := h.connect.MapUser(ctx, connect.MapRequest{CRMUsername: h.user, EngagementUsername: h.ready.Engagement.Users[0].Username}, "")
			return err
		},
		"clearing": func() error {
			_, err := h.connect.ClearUsers(ctx, connect.ClearRequest{Users: []string{h.user}, Reason: "why"}, oauth.NewToken(16))
			return err
		},
		"looking for cleared users": func() error { _, err := h.connect.CheckUsers(ctx, ""); return err },
		"an import": func() error {
			_, err := h.connect.StartImport(ctx, "crm_username,engagement_username\na@b.example,c\n", "test", "")
			return err
		},
		"results and opt-outs": func() error { _, err := h.connect.Pull(ctx, ""); return err },
		"a new triggered send": func() error {
			_, err := h.connect.AddTrigger(ctx, connect.Trigger{Name: "T", Object: "Contact", DefinitionKey: "welcome", On: "insert"}, "test", "")
			return err
		},
		"a test send": func() error {
			_, err := h.connect.SendTest(ctx, h.user, "ann@customer.example", "welcome", "")
			return err
		},
	} {
		refusedFor(t, what, call())
	}
	// A user is told as he is on record; nobody is signed in for it.
	if u, err := h.connect.User(ctx, h.user); err != nil || u.State != "mapped" || u.Checked {
		t.Errorf("a user in an outage: %+v, %v", u, err)
	}
	page := must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodGet, h.ready.Connect.URL+"/marketing-cloud", nil))
	resp := must[*http.Response](t)(http.DefaultTransport.RoundTrip(page))
	text := must[[]byte](t)(io.ReadAll(io.LimitReader(resp.Body, 1<<20)))
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "upgrade in progress until") {
		t.Errorf("the tab answers %d in an outage: %s", resp.StatusCode, text)
	}
}

// engagementSends sends by Engagement's own API, without Connect.
func (h *house) engagementSends(t *testing.T, to string) {
	t.Helper()
	r := h.ready.Engagement
	tenant := must[*engagement.Client](t)(engagement.New(engagement.Options{AuthURL: r.AuthURL}))
	token := must[engagement.Token](t)(tenant.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: r.InstalledPackage.ClientID, Secret: vault.Secret(r.InstalledPackage.ClientSecret), MID: r.EID}))
	must[engagement.Accepted](t)(tenant.Session(token).SendMessage(bounded(t), "own-"+oauth.NewToken(12), engagement.Message{DefinitionKey: "welcome", ContactKey: to, To: to}))
	h.mails(t, to, 1)
}
