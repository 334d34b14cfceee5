package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// Verify is the last look before an upgrade is closed: "Send a test email to yourself to validate the connection and monitor your
// API usage" (document 003).
const Verify Name = "verify"

// Verification says what an upgrade is verified by.
type Verification struct {
	Definition string `json:"definition,omitempty"` // external key of a triggered send definition; "" sends nothing
	As         string `json:"as,omitempty"`         // CRM user name of the mapped user who sends the test email; "" is the first one
	To         string `json:"to,omitempty"`         // where to; "" is that user's own address in the org
	Contact    string `json:"contact,omitempty"`    // id of a contact or lead for a triggered send; "" makes none
}

// Check refuses what cannot be meant.
func (v Verification) Check() error {
	if v == (Verification{}) {
		return nil
	}
	if err := send.CheckDefinition(v.Definition); err != nil {
		return fault.Of(err).In("verify.definition")
	}
	if v.Contact != "" {
		if err := (send.Request{ContactID: v.Contact, DefinitionKey: v.Definition}).Check(); err != nil {
			return fault.Of(err).In("verify.contact")
		}
	}
	if v.To != "" {
		if err := send.CheckAddress(v.To); err != nil {
			return fault.Of(err).In("verify.to")
		}
	}
	if v.As != "" {
		return link.CheckUsername(v.As)
	}
	return nil
}

// Sends are what an upgrade is verified by.
type Sends interface {
	Test(ctx context.Context, l link.Link, r send.TestRequest) (send.Send, error)
	// Reaches refuses a triggered send for its contact, before anything is sent.
	Reaches(ctx context.Context, l link.Link, r send.Request) error
	Trigger(ctx context.Context, l link.Link, r send.Request) (send.Send, error)
	Status(ctx context.Context, l link.Link, key string) (send.Send, error)
}

// Mapped are the users of a link whom Connect knows.
type Mapped interface {
	// Known lists those after a user name, in its order.
	Known(ctx context.Context, pair, after string, limit int) ([]mapping.Known, error)
}

// Usage is what a connection costs.
type Usage interface {
	Report(ctx context.Context, l link.Link) (usage.Report, error)
}

// verified is what the step keeps.
type verified struct {
	Verification
	TestKey      string `json:"test_key,omitempty"` // of the messages
	TriggeredKey string `json:"triggered_key,omitempty"`
	// HourBefore are the calls that counted against the org's limit in the whole hour before the outage opened.
	HourBefore int64 `json:"hour_before"`
}

// verify signs in on both spans and has a test email and a triggered send go out, past the outage, which keeps everybody else out.
func (c connectedApp) verify() Step {
	want := "both spans sign in by key, a test email and a triggered send arrive"
	return Step{
		Name: Verify, Owner: EngagementAdmin, Title: "Verify", Told: true,
		Look: func(_ context.Context, w Work) (Reading, error) {
			return Reading{
				Have: "not verified", Want: want, Click: "Email Studio > send a test email to yourself",
				Command: "twinspan upgrade start --as engagement-admin --verify-definition KEY [--verify-as USER] [--verify-to ADDRESS] [--verify-contact ID], or --no-verify",
			}, nil
		},
		Do: func(ctx context.Context, w Work) (Outcome, error) {
			var v verified
			if len(w.Record.Kept) > 0 {
				if err := json.Unmarshal(w.Record.Kept, &v); err != nil {
					return Outcome{}, err
				}
			}
			if err := c.signIns(ctx, w.Link); err != nil {
				return Outcome{}, err
			}
			report, err := c.usage.Report(ctx, w.Link)
			if err != nil {
				return Outcome{}, err
			}
			v.HourBefore, _ = counted(w.Link, report.Rows, w.Upgrade.OpenedAt.Truncate(time.Hour).Add(-time.Hour), w.Upgrade.OpenedAt.Truncate(time.Hour))
			out := Outcome{Reading: Reading{Done: true, Have: "both spans sign in", Want: want}, Kept: &v}
			switch {
			case v.Definition == "":
				out.Have += "; nothing was sent"
				out.Found = []link.Finding{{Code: "not_verified_by_sends", Text: "The upgrade was closed without a test email and a triggered send: " + w.Record.ToldBy + " named no definition."}}
				return out, nil
			case w.Link.Outage.Mode != "":
				w.Link.Outage = link.Outage{} // of this copy alone: these two go through
			}
			if err := c.send(ctx, w, &v, &out); err != nil {
				return Outcome{}, err
			}
			return out, nil
		},
	}
}

// signIns proves both spans.
func (c connectedApp) signIns(ctx context.Context, l link.Link) error {
	if _, err := c.links.ProveKey(ctx, l); err != nil {
		return err
	}
	return c.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		_, err := tenant.UserInfo(ctx)
		return err
	})
}

// send makes the sends, once for each time that somebody told to, and waits for what becomes of them.
func (c connectedApp) send(ctx context.Context, w Work, v *verified, out *Outcome) error {
	occasion := "upgrade:" + w.Upgrade.ID + ":" + strconv.FormatInt(w.Record.ToldAt.UnixMilli(), 10)
	m, to, err := c.sender(ctx, w, v.Verification)
	if err != nil {
		return err
	}
	if m.CRMUserID != "" {
		if err := send.CheckAddress(to); err != nil {
			return fault.New(fault.Invalid, send.CodeBadAddress, "%s has no address in the org that the test email could go to, and no other was named. Nothing was sent.", m.CRMUsername)
		}
	}
	triggered := send.Request{ContactID: v.Contact, DefinitionKey: v.Definition, IdempotencyKey: occasion}
	if v.Contact != "" && v.TriggeredKey == "" {
		if err := c.sends.Reaches(ctx, w.Link, triggered); err != nil {
			return nothingSent(err)
		}
	}
	var sent []send.Send
	if m.CRMUserID == "" {
		out.Have += "; nobody is mapped, so no test email was sent"
		out.Found = append(out.Found, link.Finding{Code: "no_test_email", Text: "Nobody is mapped to Engagement, so no test email could be sent."})
	} else {
		s, err := c.sends.Test(ctx, w.Link, send.TestRequest{
			CRMUserID: m.CRMUserID, CRMName: m.CRMName, EngagementUser: m.EngagementUser, MID: m.MID, To: to, DefinitionKey: v.Definition, IdempotencyKey: occasion,
		})
		if err != nil {
			return err
		}
		v.TestKey, sent = s.MessageKey, append(sent, s)
	}
	if v.Contact != "" {
		s, err := c.sends.Trigger(ctx, w.Link, triggered)
		if err != nil && s.Status == send.Refused { // the contact changed in between
			err = nil
		}
		if err != nil {
			return err
		}
		v.TriggeredKey, sent = s.MessageKey, append(sent, s)
	}
	for i, s := range sent {
		if !s.Status.Final() && s.Status != send.InDoubt {
			if s, err = c.sends.Status(ctx, w.Link, s.MessageKey); err != nil {
				return err
			}
		}
		what := map[bool]string{true: "the test email", false: "the triggered send"}[i == 0 && v.TestKey != ""] + " to " + s.Recipient
		switch s.Status {
		case send.Sent:
			out.Have += "; " + what + " was sent"
		case send.InDoubt:
			out.Have += "; " + what + " is in doubt"
			out.Found = append(out.Found, link.Finding{Code: "verification_in_doubt", Text: what + " is in doubt: " + s.Reason})
		case send.NotSent, send.Refused:
			out.Done, out.For = false, ""
			out.Have += "; " + what + " was not sent: " + s.ReasonCode + ": " + s.Reason
			return nil
		default: // on its way
			out.Done, out.For = false, Connect
			out.Have += "; " + what + " is " + string(s.Status)
		}
	}
	return nil
}

// nothingSent says of a refusal that came before anything went out that nothing did.
func nothingSent(err error) error {
	if passing(err) {
		return err
	}
	f := fault.Of(err)
	return fault.New(f.Kind, f.Code, "%s Nothing was sent.", f.Message) // its own words, not the cloud's about a record
}

// sender is who sends the test email, and his address; the zero Mapping where nobody is mapped.
func (c connectedApp) sender(ctx context.Context, w Work, v Verification) (m mapping.Mapping, to string, err error) {
	to = v.To
	for after := ""; ; {
		page, err := c.mapped.Known(ctx, w.Link.Pair, after, assignedAtOnce)
		if err != nil {
			return m, "", err
		}
		for _, k := range page {
			after = k.Mapping.CRMUsername
			if !k.Clear.At.IsZero() || k.Mapping.Earlier(w.Link) || v.As != "" && !link.SameUsername(v.As, k.Mapping.CRMUsername) {
				continue
			}
			m = k.Mapping
			break
		}
		if m.CRMUserID != "" || len(page) < assignedAtOnce {
			break
		}
	}
	switch {
	case m.CRMUserID == "" && v.As != "":
		return m, "", fault.New(fault.Conflict, mapping.CodeNotMapped, "%s is not mapped, or not reconnected.", v.As)
	case m.CRMUserID == "" || to != "":
		return m, to, nil
	}
	err = c.links.CallOrg(ctx, w.Link, func(org *crm.Session) error {
		u, err := org.GetRecord(ctx, "User", m.CRMUserID, "Email")
		to = u.String("Email")
		return err
	})
	return m, to, err
}

// counted are the calls of a time that count against the org's limit; bulk are those of them that count whatever they sign in with.
func counted(l link.Link, rows []usage.Row, from, until time.Time) (n, bulk int64) {
	for _, r := range rows {
		if r.Hour.Before(from) || !r.Hour.Before(until) || !r.Counted(l.Standing) {
			continue
		}
		if n += r.Calls; r.API == usage.Bulk {
			bulk += r.Calls
		}
	}
	return n, bulk
}

// Codes of the findings about API usage.
const (
	codeUsageHour  = "api_usage_hour"
	codeUsageDay   = "api_usage_day"
	codeStillCount = "calls_still_count"
)

// watch looks at the API usage in the whole hour after the upgrade was closed, and again a day after.
func (c connectedApp) watch(ctx context.Context, w Work) (Outcome, error) {
	closed := w.Upgrade.Record(CloseDown).EndedAt
	begin := closed.Truncate(time.Hour).Add(time.Hour) // Connect counts by whole hours
	hour := begin.Add(time.Hour)
	day := begin.Add(24 * time.Hour)
	told := false
	for _, f := range w.Upgrade.Findings {
		told = told || f.Code == codeUsageHour
	}
	if told && w.Now.Before(day) || w.Now.Before(hour) {
		until := hour
		if told {
			until = day
		}
		return Outcome{Reading: Reading{Until: until, Want: "calls of the connected app do not count against the org's limit"}}, nil
	}
	report, err := c.usage.Report(ctx, w.Link)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Reading: Reading{Until: day}}
	if !told {
		var v verified
		if r := w.Upgrade.Record(Verify); len(r.Kept) > 0 {
			if err := json.Unmarshal(r.Kept, &v); err != nil {
				return out, err
			}
		}
		after, _ := counted(w.Link, report.Rows, begin, hour)
		out.Found = append(out.Found, link.Finding{Code: codeUsageHour, Text: fmt.Sprintf("Calls of Connect that count against the org's limit: %d in the hour before the upgrade, %d in the hour after.", v.HourBefore, after)})
	}
	if w.Now.Before(day) {
		return out, nil
	}
	out.Done = true
	n, bulk := counted(w.Link, report.Rows, begin, day)
	day24 := fmt.Sprintf("In the 24 hours after the upgrade %d calls of Connect counted against the org's limit.", n)
	if bulk > 0 {
		day24 += fmt.Sprintf(" %d of them are Bulk calls, which no app is exempt from.", bulk)
	}
	out.Found = append(out.Found, link.Finding{Code: codeUsageDay, Text: day24})
	if n -= bulk; n > 0 {
		out.Found = append(out.Found, link.Finding{Code: codeStillCount, Text: fmt.Sprintf("%d calls of the connected app still count against the org's limit after the upgrade: `twinspan usage` says which.", n)})
	}
	return out, nil
}
