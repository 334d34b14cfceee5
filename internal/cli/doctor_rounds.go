package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// doctorRoundsCmd lists rounds.
type doctorRoundsCmd struct {
	connectFlags
	Now   bool `help:"Make a round now, and show it." env:"-"`
	Limit int  `help:"How many." default:"20" env:"-"`
}

// Run prints them.
func (c *doctorRoundsCmd) Run(ctx context.Context, a *app) error {
	if c.Limit < 1 || c.Limit > 200 {
		return usagef("--limit is 1 to 200")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	var all []connect.Round
	if c.Now {
		r, err := cl.MakeRound(ctx, oauth.NewToken(24))
		if err != nil {
			return err
		}
		all = []connect.Round{r}
	} else if all, err = cl.Rounds(ctx, c.Limit); err != nil {
		return err
	}
	return list(a, all, []string{"round", "at", "state", "found", "new", "gone"}, func(r connect.Round) []string {
		found := fmt.Sprintf("%d/%d/%d", r.Counts["error"], r.Counts["warning"], r.Counts["notice"])
		if len(r.Unchecked) > 0 {
			found += fmt.Sprintf(", %d not checkable", len(r.Unchecked))
		}
		return []string{strconv.FormatInt(r.Seq, 10), r.At.UTC().Format("2006-01-02 15:04"), strings.TrimSpace(words(r.State) + " " + r.Trouble), found, strings.Join(r.Began, " "), strings.Join(r.Ended, " ")}
	})
}

// doctorWatchCmd changes the rounds.
type doctorWatchCmd struct {
	connectFlags
	secretFlags
	Every     string `help:"Time between two rounds, such as 15m or 6h; 0 for none." placeholder:"TIME" env:"-"`
	Severity  string `help:"From which on something counts: error, warning or notice." enum:"error,warning,notice," default:"" env:"-"`
	Webhook   string `help:"Post changes of state to this https address, signed; its secret is webhook_secret of --secrets-file, TWINSPAN_WEBHOOK_SECRET, or a prompt." placeholder:"URL" env:"-"`
	NoWebhook bool   `help:"Post them nowhere any more." env:"-"`
	By        string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Help is what `twinspan doctor watch --help` says beneath the flags' summary.
func (*doctorWatchCmd) Help() string {
	return `Who is mailed is what "twinspan connect notify --to" says. Something that is found newly, or is not found any more, is a change of state; what could not be checked is as it was.`
}

// Run shows how the connection is watched, after changing it where asked.
func (c *doctorWatchCmd) Run(ctx context.Context, a *app) error {
	if c.Webhook != "" && c.NoWebhook {
		return usagef("--webhook and --no-webhook cannot go together")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	var change connect.WatchChange
	if c.Every != "" {
		every, err := time.ParseDuration(c.Every)
		if c.Every == "0" {
			every, err = 0, nil
		}
		if err != nil || every < 0 || every%time.Minute != 0 {
			return usagef("--every is a time in whole minutes, such as 15m or 6h")
		}
		minutes := int(every / time.Minute)
		change.EveryMinutes = &minutes
	}
	if change.Severity = c.Severity; c.NoWebhook || c.Webhook != "" {
		change.Webhook = &c.Webhook
	}
	if c.Webhook != "" {
		s, err := c.read(ctx, a, "webhook_secret")
		if err != nil {
			return err
		}
		if change.Secret = s["webhook_secret"]; change.Secret == "" {
			return usagef("the webhook's secret is missing: put it in TWINSPAN_WEBHOOK_SECRET, or in a --secrets-file")
		}
	}
	var w connect.Watch
	if change == (connect.WatchChange{}) {
		w, err = cl.Watch(ctx)
	} else {
		w, err = cl.SetWatch(ctx, change, a.who(c.By), oauth.NewToken(24))
	}
	switch {
	case err != nil:
		return err
	case a.json:
		return a.printJSON(w)
	}
	every := "never"
	if w.EveryMinutes > 0 {
		every = "every " + time.Duration(w.EveryMinutes*float64(time.Minute)).String()
	}
	return a.print(fmt.Sprintf("looked at        %s\ncounts from      %s on\nmailed           %s\nwebhook          %s\n", every, w.Severity, cmp.Or(oneLine(strings.Join(w.Recipients, ", ")), "nobody"), cmp.Or(oneLine(w.Webhook), "none")))
}
