package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// sendResultsCmd shows what messages reported back.
type sendResultsCmd struct {
	connectFlags
	ID   string `arg:"" optional:"" help:"Id of a send to an audience: its messages, what became of them, and the Individual Email Results in the org. Without it: how far both clouds were read."`
	Pull bool   `help:"Bring results and opt-outs back first; this is done once a minute anyhow." env:"-"`
	// Refused and Retry are about single people and results that a cloud refused.
	Refused bool `help:"List the people and results that a cloud refused: each is tried again by itself, and given up after ten refusals." env:"-"`
	Retry   bool `help:"Bring back, and try everything again that was refused, also what was given up." env:"-"`
}

// Run prints them.
func (c *sendResultsCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	var pulled *connect.Pulled
	if c.Pull || c.Retry {
		pull := cl.Pull
		if c.Retry {
			pull = cl.PullRefused
		}
		p, err := pull(ctx, oauth.NewToken(24))
		if err != nil {
			return err
		}
		pulled = &p
	}
	if c.Refused {
		return a.printRefused(ctx, cl)
	}
	if c.ID == "" {
		return a.printTracking(ctx, cl, pulled)
	}
	all := []connect.Result{}
	if err := cl.MailingResults(ctx, c.ID, func(page []connect.Result) error { all = append(all, page...); return nil }); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(all)
	}
	rows := make([][]string, len(all))
	for i, r := range all {
		bounced := stamp(r.BouncedAt)
		if r.HardBounce {
			bounced += " hard"
		}
		rows[i] = []string{
			r.RecordID, stamp(r.SentAt), stamp(r.OpenedAt), strconv.Itoa(r.Clicks) + " of " + strconv.Itoa(r.UniqueClicks) + " links", bounced, stamp(r.UnsubscribedAt), r.ResultID,
		}
	}
	return a.printTable([]string{"record", "sent", "opened", "clicks", "bounced", "unsubscribed", "result in the org"}, rows)
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

func (a *app) printTracking(ctx context.Context, cl *connect.Client, pulled *connect.Pulled) error {
	t, err := cl.Tracking(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			connect.Tracking
			Pulled *connect.Pulled `json:"pulled,omitempty"`
		}{t, pulled})
	}
	text := ""
	if pulled != nil {
		text = fmt.Sprintf("events        %d\nresults       %d written to the org\nopted out     %d in the org, who unsubscribed\nunsubscribed  %d in Engagement, who opted out\n",
			pulled.Events, pulled.Written, pulled.OptedOut, pulled.Unsubscribed)
	}
	if t.Refused+t.GivenUp > 0 {
		text += fmt.Sprintf("refused       %d to be tried again, %d given up; --refused lists them\n", t.Refused, t.GivenUp)
	}
	if t.EventsUntil != nil {
		text += "read until    " + t.EventsUntil.Format(time.RFC3339) + "\n"
	}
	if t.Cause != nil {
		text += "failed        " + oneLine(t.Cause.Code+": "+t.Cause.Message) + "\n"
	}
	return a.print(text)
}

// printRefused lists the people and results that a cloud refused.
func (a *app) printRefused(ctx context.Context, cl *connect.Client) error {
	all := []connect.Refusal{}
	if err := cl.Refusals(ctx, func(page []connect.Refusal) error { all = append(all, page...); return nil }); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(all)
	}
	rows := make([][]string, len(all))
	for i, r := range all {
		next := "tried again"
		if r.GivenUp {
			next = "given up"
		}
		rows[i] = []string{strings.ReplaceAll(r.Want, "_", " "), r.Subject, strconv.Itoa(r.Attempts), r.At.Format(time.RFC3339), next, r.Reason.Code + ": " + r.Reason.Message}
	}
	return a.printTable([]string{"what", "of", "refused", "last", "and now", "why"}, rows)
}
