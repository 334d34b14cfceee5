package upgrade_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
)

// outbox is what an upgrade sends to be verified by.
type outbox struct {
	sent      []string   // "test" and "triggered", in their order
	reaches   error      // of the contact, before anything is sent
	triggered *send.Send // what becomes of the triggered send, where it is another than to be sent
	err       error      // of the triggered send
}

// Test implements upgrade.Sends.
func (o *outbox) Test(_ context.Context, _ link.Link, r send.TestRequest) (send.Send, error) {
	o.sent = append(o.sent, "test")
	return send.Send{MessageKey: "t", Recipient: r.To, Status: send.Sent}, nil
}

// Reaches implements upgrade.Sends.
func (o *outbox) Reaches(context.Context, link.Link, send.Request) error { return o.reaches }

// Trigger implements upgrade.Sends.
func (o *outbox) Trigger(context.Context, link.Link, send.Request) (send.Send, error) {
	o.sent = append(o.sent, "triggered")
	if o.triggered != nil {
		return *o.triggered, o.err
	}
	return send.Send{MessageKey: "c", Recipient: "ann@customer.example", Status: send.Sent}, o.err
}

// Status implements upgrade.Sends.
func (o *outbox) Status(context.Context, link.Link, string) (send.Send, error) {
	return send.Send{}, fault.New(fault.NotFound, send.CodeNotFound, "none")
}

// The test email goes out once contact and address are known to be good; and where the triggered send is refused all the same, what
// became of the email is told beside the refusal.
func TestVerificationIsCheckedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	links, l, _ := connected(t)
	gone := fault.New(fault.NotFound, send.CodeContactNotFound, "The org has no contact 003000000000000AAA that the system user may see.")
	const to = "eve@judge.example"
	for name, c := range map[string]struct {
		outbox
		to, code, have string // of the error, or of what is told
		sent           []string
		done           bool
	}{
		"both go out":             {to: to, have: "both spans sign in; the test email to " + to + " was sent; the triggered send to ann@customer.example was sent", sent: []string{"test", "triggered"}, done: true},
		"no such contact":         {outbox: outbox{reaches: gone}, to: to, code: "contact_not_found", have: gone.Message + " Nothing was sent."},
		"the org does not answer": {outbox: outbox{reaches: fault.New(fault.Unavailable, "down", "The org does not answer.")}, to: to, code: "down", have: "The org does not answer."},
		"no address":              {to: "Eve <eve@judge.example>", code: "invalid_address", have: "Nothing was sent."},
		"refused meanwhile": {
			outbox: outbox{triggered: &send.Send{MessageKey: "c", Recipient: "ann@customer.example", Status: send.Refused, ReasonCode: "opted_out", Reason: "The contact has opted out of email."}, err: fault.New(fault.Conflict, send.CodeOptedOut, "The contact has opted out of email.")},
			to:     to, have: "the test email to " + to + " was sent; the triggered send to ann@customer.example was not sent: opted_out: The contact has opted out of email.", sent: []string{"test", "triggered"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := c.outbox
			step := stepOf(upgrade.NewConnectedApp(upgrade.Parts{Links: links, Mapped: crowd(1), Sends: &box, Usage: spent{}}), upgrade.Verify)
			kept, err := json.Marshal(upgrade.Verification{Definition: "welcome", To: c.to, Contact: "003000000000000AAA"})
			noError(t, err)
			out, err := step.Do(t.Context(), upgrade.Work{Link: l, Upgrade: upgrade.Upgrade{ID: "one"}, Record: upgrade.Record{Step: upgrade.Verify, ToldBy: "olga", ToldAt: time.Now(), Kept: kept}, Now: time.Now()})
			wantCode(t, err, fault.Code(c.code))
			have := out.Have
			if err != nil {
				have = fault.Of(err).Message
			}
			if !strings.Contains(have, c.have) || out.Done != c.done || !slices.Equal(box.sent, c.sent) {
				t.Errorf("%s, done %v, sent %v", have, out.Done, box.sent)
			}
		})
	}
	wantCode(t, upgrade.Verification{Definition: "welcome", To: "nowhere"}.Check(), send.CodeBadAddress)
}
