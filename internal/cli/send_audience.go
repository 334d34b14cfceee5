package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// mailingIDLength tells the id of a send to an audience from a message key, which is longer.
const mailingIDLength = 24

// audienceFlags are what all sends to audiences have in common.
type audienceFlags struct {
	connectFlags
	As         string `required:"" help:"User name in the org of the mapped user who sends, with his own grant." placeholder:"USERNAME" env:"-"`
	Definition string `help:"External key of the triggered send definition in Engagement; welcome where not given." default:"welcome" placeholder:"KEY" env:"-"`
	At         string `help:"When, by the connection's clock: an RFC 3339 time such as 2026-12-24T18:00:00Z." placeholder:"TIME" env:"-"`
	Key        string `help:"The same key twice sends once." placeholder:"KEY" env:"-"`
	By         string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
	NoWait     bool   `help:"Return when Connect has it." env:"-"`
}

// send asks for the send and waits until it is over, where it is for now.
func (f *audienceFlags) send(ctx context.Context, a *app, kind string, ids []string) error {
	r := connect.MailingRequest{Kind: kind, IDs: ids, DefinitionKey: f.Definition, As: f.As, By: a.who(f.By)}
	if f.At != "" {
		at, err := time.Parse(time.RFC3339, f.At)
		if err != nil {
			return usagef("--at: %q is no time such as 2026-12-24T18:00:00Z", f.At)
		}
		r.At = &at
	}
	cl, err := f.connect(a)
	if err != nil {
		return err
	}
	m, err := cl.StartMailing(ctx, r, cmp.Or(f.Key, oauth.NewToken(24)))
	if err != nil {
		return err
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for !f.NoWait && (m.State == "queued" || m.State == "running") {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the send goes on without this command; send show %s says how it went: %w", m.ID, ctx.Err())
		case <-tick.C:
		}
		if m, err = cl.Mailing(ctx, m.ID); err != nil {
			return err
		}
	}
	return a.printMailing(ctx, cl, m)
}

// sendContactCmd sends to contacts.
type sendContactCmd struct {
	audienceFlags
	IDs []string `arg:"" name:"id" help:"Ids of the contacts, at most 200."`
}

// Run sends.
func (c *sendContactCmd) Run(ctx context.Context, a *app) error {
	return c.send(ctx, a, "contact", c.IDs)
}

// sendLeadCmd sends to leads.
type sendLeadCmd struct {
	audienceFlags
	IDs []string `arg:"" name:"id" help:"Ids of the leads, at most 200."`
}

// Run sends.
func (c *sendLeadCmd) Run(ctx context.Context, a *app) error { return c.send(ctx, a, "lead", c.IDs) }

// sendCampaignCmd sends to a campaign.
type sendCampaignCmd struct {
	audienceFlags
	ID string `arg:"" help:"Id of the campaign."`
}

// Run sends.
func (c *sendCampaignCmd) Run(ctx context.Context, a *app) error {
	return c.send(ctx, a, "campaign", []string{c.ID})
}

// sendReportCmd sends to a report.
type sendReportCmd struct {
	audienceFlags
	ID string `arg:"" help:"Id of the report."`
}

// Run sends.
func (c *sendReportCmd) Run(ctx context.Context, a *app) error {
	return c.send(ctx, a, "report", []string{c.ID})
}

// sendDataExtensionCmd sends to a data extension.
type sendDataExtensionCmd struct {
	audienceFlags
	ExternalKey string `arg:"" help:"External key of the data extension."`
}

// Run sends.
func (c *sendDataExtensionCmd) Run(ctx context.Context, a *app) error {
	return c.send(ctx, a, "data_extension", []string{c.ExternalKey})
}

// printMailing prints a send, with the reasons of recipients whom it did not reach; errNo where it did not go out, or reached
// nobody of those whom it was for.
func (a *app) printMailing(ctx context.Context, cl *connect.Client, m connect.Mailing) error {
	if a.json {
		if err := a.printJSON(m); err != nil {
			return err
		}
		return reached(m)
	}
	text := mailingText(m)
	if m.Counts.Refused+m.Counts.NotSent > 0 {
		why, err := reasons(ctx, cl, m.ID)
		if err != nil {
			return err
		}
		text += why
	}
	if err := a.print(text); err != nil {
		return err
	}
	return reached(m)
}

// reached is errNo where a send failed, or is over and all its recipients were refused.
func reached(m connect.Mailing) error {
	if c := m.Counts; m.State == "failed" || m.State == "completed" && c.Recipients > 0 && c.Refused+c.NotSent == c.Recipients {
		return errNo
	}
	return nil
}

// maxReasons is how many different reasons are shown without being asked for.
const maxReasons = 3

// reasons says why recipients were not reached, by the first of them, and where all are listed.
func reasons(ctx context.Context, cl *connect.Client, id string) (string, error) {
	enough := errors.New("enough")
	var b strings.Builder
	var seen []string
	err := cl.MailingRecipients(ctx, id, func(page []connect.Recipient) error {
		for _, r := range page {
			if r.Reason == nil {
				continue
			}
			if why := r.Reason.Code + ": " + r.Reason.Message; !slices.Contains(seen, why) && len(seen) < maxReasons {
				seen = append(seen, why)
				fmt.Fprintf(&b, "%-12s %s\n", "reason", oneLine(why))
			}
		}
		return enough
	})
	if err != nil && !errors.Is(err, enough) {
		return "", err
	}
	fmt.Fprintf(&b, "%-12s %s\n", "next", "`twinspan send show "+oneLine(id)+" --recipients` lists each with his reason")
	return b.String(), nil
}

func mailingText(m connect.Mailing) string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-12s %s\n", name, oneLine(value)) }
	line("send", m.ID)
	line("to", words(m.Kind)+" "+strings.Join(m.IDs, " "))
	line("definition", m.DefinitionKey)
	line("as", m.As)
	if m.OwnRecordsOnly {
		line("scope", "own records only")
	}
	line("state", m.State)
	if m.Reason != nil {
		line("reason", m.Reason.Code+": "+m.Reason.Message)
	}
	if m.State == "scheduled" || m.DueAt.After(m.CreatedAt) {
		line("due", m.DueAt.Format(time.RFC3339))
	}
	if m.Collected || m.Counts.Recipients > 0 {
		line("recipients", strconv.Itoa(m.Counts.Recipients))
		for _, c := range []struct {
			name string
			n    int
		}{
			{"waiting", m.Counts.Waiting},
			{"accepted", m.Counts.Accepted},
			{"sent", m.Counts.Sent},
			{"not sent", m.Counts.NotSent},
			{"in doubt", m.Counts.InDoubt},
			{"refused", m.Counts.Refused},
		} {
			if c.n > 0 {
				line(c.name, strconv.Itoa(c.n))
			}
		}
	}
	return b.String()
}

// showMailing prints a send with its recipients where asked.
func (a *app) showMailing(ctx context.Context, cl *connect.Client, id string, recipients bool) error {
	m, err := cl.Mailing(ctx, id)
	if err != nil || !recipients {
		if err == nil {
			err = a.printMailing(ctx, cl, m)
		}
		return err
	}
	all := []connect.Recipient{}
	if err := cl.MailingRecipients(ctx, id, func(page []connect.Recipient) error { all = append(all, page...); return nil }); err != nil {
		return err
	}
	if a.json {
		err := a.printJSON(struct {
			connect.Mailing
			Recipients []connect.Recipient `json:"recipients"`
		}{m, all})
		if err != nil {
			return err
		}
		return reached(m)
	}
	rows := make([][]string, len(all))
	for i, r := range all {
		reason := ""
		if r.Reason != nil {
			reason = r.Reason.Code + ": " + r.Reason.Message
		}
		rows[i] = []string{strconv.Itoa(r.Position), r.RecordID, r.Recipient, words(r.Status), reason}
	}
	if err := a.print(mailingText(m) + "\n"); err != nil {
		return err
	}
	if err := a.printTable([]string{"no", "record", "recipient", "status", "reason"}, rows); err != nil {
		return err
	}
	return reached(m)
}

// sendListCmd lists sends.
type sendListCmd struct {
	connectFlags
	State string `help:"Those alone: scheduled, held, queued, running, completed, failed or cancelled." placeholder:"STATE" env:"-"`
}

// Run prints them; exit code 3 where there are none.
func (c *sendListCmd) Run(ctx context.Context, a *app) error {
	return a.listMailings(ctx, &c.connectFlags, c.State)
}

// sendScheduledCmd lists what waits for its time.
type sendScheduledCmd struct {
	connectFlags
}

// Run prints them; exit code 3 where there are none.
func (c *sendScheduledCmd) Run(ctx context.Context, a *app) error {
	return a.listMailings(ctx, &c.connectFlags, "scheduled")
}

func (a *app) listMailings(ctx context.Context, f *connectFlags, state string) error {
	cl, err := f.connect(a)
	if err != nil {
		return err
	}
	all, err := cl.Mailings(ctx, state)
	if err != nil {
		return err
	}
	if a.json {
		if all == nil {
			all = []connect.Mailing{}
		}
		err = a.printJSON(all)
	} else if len(all) > 0 {
		rows := make([][]string, len(all))
		for i, m := range all {
			rows[i] = []string{m.ID, m.State, words(m.Kind), strings.Join(m.IDs, " "), m.As, m.DueAt.Format(time.RFC3339), strconv.Itoa(m.Counts.Recipients), m.AskedBy}
		}
		err = a.printTable([]string{"send", "state", "to", "ids", "as", "due", "recipients", "asked by"}, rows)
	}
	if err == nil && len(all) == 0 {
		err = errNo
	}
	return err
}

// sendCancelCmd ends a send.
type sendCancelCmd struct {
	connectFlags
	ID string `arg:"" help:"Id of the send."`
	By string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run ends it.
func (c *sendCancelCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	m, err := cl.CancelMailing(ctx, c.ID, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return err
	}
	return a.printMailing(ctx, cl, m)
}

// sendSettingsCmd shows or changes how users send.
type sendSettingsCmd struct {
	connectFlags
	ScopeByUser string `help:"on: users who are no Marketing Cloud administrators reach the records that they own. off: everybody reaches what the system user sees." enum:",on,off" default:"" env:"-"`
	By          string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run shows the settings, after changing them where asked.
func (c *sendSettingsCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	s, err := cl.SendSettings(ctx)
	if err == nil && c.ScopeByUser != "" {
		s, err = cl.SetSendSettings(ctx, connect.SendSettings{ScopeByUser: c.ScopeByUser == "on"}, a.who(c.By), oauth.NewToken(24))
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(s)
	}
	return a.print("scope by user  " + map[bool]string{true: "on", false: "off"}[s.ScopeByUser] + "\n")
}

// sendHoldCmd opens an outage.
type sendHoldCmd struct {
	connectFlags
	For    time.Duration `help:"How long, at most 72h." default:"2h" placeholder:"DURATION" env:"-"`
	From   string        `help:"When it begins, by the connection's clock: an RFC 3339 time. Now, where not given." placeholder:"TIME" env:"-"`
	Mode   string        `help:"hold: sends wait and go out afterwards in their order. fail: they fail." enum:"hold,fail" default:"hold" env:"-"`
	Reason string        `help:"Why; everybody who needs the connection reads it." default:"maintenance" placeholder:"TEXT" env:"-"`
	By     string        `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run opens it.
func (c *sendHoldCmd) Run(ctx context.Context, a *app) error {
	o := connect.Outage{Mode: c.Mode, Reason: c.Reason}
	if c.From != "" {
		var err error
		if o.From, err = time.Parse(time.RFC3339, c.From); err != nil {
			return usagef("--from: %q is no time such as 2026-12-24T18:00:00Z", c.From)
		}
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	set, err := cl.SetOutage(ctx, o, int((c.For+time.Minute-1)/time.Minute), a.who(c.By), oauth.NewToken(24))
	if err != nil || set == nil {
		return err
	}
	if a.json {
		return a.printJSON(set)
	}
	return a.print("outage  " + outageLine(*set) + "\n")
}

// sendReleaseCmd ends an outage.
type sendReleaseCmd struct {
	connectFlags
	By string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run ends it.
func (c *sendReleaseCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	return cl.EndOutage(ctx, a.who(c.By), oauth.NewToken(24))
}

// outageLine is an outage in one line.
func outageLine(o connect.Outage) string {
	when := "from " + o.From.Format(time.RFC3339) + " "
	if o.Open {
		when = ""
	}
	what := map[string]string{"hold": "sends wait", "fail": "sends fail"}[o.Mode]
	return oneLine(o.Reason) + " " + when + "until " + o.Until.Format(time.RFC3339) + ", " + what
}
