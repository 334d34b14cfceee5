package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/fault"
)

// Change is something that is about to be done, before which is looked whether it may be.
type Change string

// The changes.
const (
	BeforeConnect    Change = "connect"         // document 001
	BeforeUpgrade    Change = "upgrade"         // documents 002 and 003
	BeforeAPIUser    Change = "reset-api-user"  // connect-facts 5.3
	BeforeDisconnect Change = "disconnect"      // connect-facts 3.5
	BeforeSandbox    Change = "sandbox-refresh" // connect-facts 3.7
)

// before are the checks that count before a change; those that begin with B are made for nothing else.
var before = map[Change][]string{
	BeforeConnect:    {"D01", "D02", "D03", "D04", "D05", "D14", "D35", "T02", "T03", "T10"},
	BeforeUpgrade:    {"D01", "D08", "D09", "D10", "D11", "D12", "D13", "D14", "D17", "D18", "D19", "D20", "D21", "D22", "D26", "D27", "D28", "D31", "D37", "T01", "T02", "T03", "T16", "B01", "B02", "B06"},
	BeforeAPIUser:    {"T01", "D18", "D19", "D20", "D21", "D22", "B01", "B02", "B03", "B05"},
	BeforeDisconnect: {"T01", "D14", "D15", "T12", "B01", "B02", "B04"},
	BeforeSandbox:    {"T01", "D34", "B01", "B07"},
}

// ParseChange reads one.
func ParseChange(text string) (Change, error) {
	if _, there := before[Change(text)]; there {
		return Change(text), nil
	}
	return "", fault.New(fault.Invalid, CodeInvalid, "before is connect, upgrade, reset-api-user, disconnect or sandbox-refresh.").In("before")
}

// pending are the states of sends that wait or run.
var pending = []mailing.State{mailing.Scheduled, mailing.Held, mailing.Queued, mailing.Running}

// beforeChecks are made before a change alone.
func beforeChecks() []Check {
	return []Check{
		{
			ID: "B01", Name: "No send waits or runs", Severity: Error, Wants: "no scheduled send, none under way",
			Why:   "A send to an audience of the org fails while the connection is changed, or stops halfway.",
			Click: "Marketing Cloud tab > Email Sends", Command: "twinspan send list", Document: docReset + "; " + docUpgrade,
			Look: func(l *Look) Outcome {
				all, why := l.Sends.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				for _, m := range all {
					if slices.Contains(pending, m.State) {
						seen := string(m.State)
						if m.State == mailing.Scheduled {
							seen += " for " + day(m.DueAt)
						}
						out.Found = append(out.Found, Found{Subject: m.ID, Seen: seen})
					}
				}
				return out
			},
		},
		{
			ID: "B02", Name: "Triggered sends are paused", Severity: Error, Wants: "no triggered send is active",
			Why:   "An active definition fails when the credentials change, and its messages are lost without a word.",
			Click: "Email Studio > Interactions > Triggered Emails > Pause", Command: "twinspan api-user change --pause", Document: docReset,
			Look: func(l *Look) Outcome {
				triggers, why := l.Triggers.Get()
				definitions, definitionsWhy := l.Definitions.Get()
				if why != "" || definitionsWhy != "" {
					return unread(or(why, definitionsWhy))
				}
				var out Outcome
				for _, d := range definitions {
					if d.Status == "Active" {
						f := Found{Subject: d.Key, Seen: "active", Severity: Warning}
						for _, t := range triggers {
							if t.Active && strings.EqualFold(t.DefinitionKey, d.Key) {
								f.Seen, f.Severity = "active, and fired by the triggered send "+t.Name, Error
							}
						}
						out.Found = append(out.Found, f)
					}
				}
				return out
			},
		},
		{
			ID: "B03", Name: "Journeys on Salesforce Data are stopped", Severity: Error, Wants: "none runs",
			Why: "Their entries fail when the credentials change.", Click: "Journey Builder > each journey with a Salesforce Data entry source > Stop", Document: docReset,
			Look: func(*Look) Outcome { return unread("No public API tells which journeys run: look in Journey Builder.") },
		},
		{
			ID: "B04", Name: "What disconnecting takes away", Severity: Notice, Wants: "nobody needs it any more",
			Why:   "Users, business units and synchronized data extensions are mapped anew after it, and earlier sends are tracked no more.",
			Click: "Email Studio > Admin > Salesforce Integration", Command: "twinspan users list", Document: "Salesforce Help, Disconnect Your Account",
			Look: func(l *Look) Outcome {
				all, _ := l.Mappings.Get()
				triggers, _ := l.Triggers.Get()
				if len(all)+len(triggers) == 0 {
					return Outcome{}
				}
				return found(count(len(all), "users are mapped") + ", " + count(len(triggers), "triggered sends rest on the connection"))
			},
		},
		{
			ID: "B05", Name: "A quiet hour", Severity: Warning, Wants: "an hour in which little is called",
			Why: "What fails while the credentials change is less then.", Click: "Setup > Environments > System Overview", Command: "twinspan usage --connect --hourly", Document: docReset,
			Look: func(l *Look) Outcome {
				hours, why := l.Calls.Get()
				if why != "" {
					return unread(why)
				}
				if hours.Now > 2*hours.Usual && hours.Now > 100 {
					return found(fmt.Sprintf("%d calls in this hour, where %d are usual", hours.Now, hours.Usual))
				}
				return Outcome{}
			},
		},
		{
			ID: "B06", Name: "Something is to be upgraded", Severity: Notice, Wants: "a span that signs in by a stored password",
			Why: "An upgrade changes nothing otherwise.", Click: "Connect > The bridge", Command: "twinspan status", Document: docUpgrade,
			Look: func(l *Look) Outcome {
				if l.Link.Org.Driver != link.Password && l.Link.Tenant.Driver != link.Password {
					return found("both spans are as an upgrade would make them")
				}
				return Outcome{}
			},
		},
		{
			ID: "B07", Name: "What a refresh copies", Severity: Warning, Wants: "the copy is reset before anything runs in it",
			Why:   "A refreshed sandbox has all tokens and settings of the original and reaches its Engagement account.",
			Click: "in the copy, right after the refresh: Developer Console > Debug > Execute Anonymous: {reset}", Document: docSandbox,
			Look: func(l *Look) Outcome {
				if l.Link.Org.Username == "" {
					return Outcome{}
				}
				return foundAt(l.Link.Org.OrgID, fmt.Sprintf("it is connected to enterprise %d, and a copy of it will be too; Connect refuses to work for it, the vendor's package does not", l.Link.EID))
			},
		},
	}
}

// Before makes the checks that count before a change.
func (s *Service) Before(ctx context.Context, l link.Link, eyes Eyes, change Change) (Report, error) {
	look, err := s.Read(ctx, l, eyes)
	if err != nil {
		return Report{}, err
	}
	return look.Before(change), nil
}

// Before makes the checks that count before a change on what was read.
func (l *Look) Before(change Change) Report {
	checks := slices.DeleteFunc(slices.Concat(Checks(), beforeChecks()), func(c Check) bool { return !slices.Contains(before[change], c.ID) })
	return Examine(l, checks)
}
