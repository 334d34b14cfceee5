package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// apiUserCmd is about the Marketing Cloud Connect API user.
type apiUserCmd struct {
	Change apiUserChangeCmd `cmd:"" help:"Change his credentials: say what will stop, pause it, change, verify, resume."`
}

// apiUserChangeCmd leads through a change.
type apiUserChangeCmd struct {
	connectFlags
	Pause   bool   `help:"Pause everything that sends, and say how the credentials are changed then." env:"-"`
	Resume  bool   `help:"After the change: sign him in anew, verify him, and set going what was paused." env:"-"`
	Cancel  bool   `help:"Give the change up: set going what was paused, and verify nobody. It is possible in every standing." env:"-"`
	APIUser string `name:"api-user" help:"With --resume: another API user than before." placeholder:"NAME" env:"-"`
	MID     int64  `name:"mid" help:"With --resume: business unit in which he works." placeholder:"MID" env:"-"`
	By      string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Help is what `twinspan api-user change --help` says beneath the flags' summary.
func (*apiUserChangeCmd) Help() string {
	return `Without --pause and --resume it says what will stop, whether the API user is as he should be now, and how far a change has come; nothing is changed. What is paused is
on record first: a command that broke off goes on when it is given again. Choose a quiet hour all the same.`
}

// Run takes the next step; exit code 3 where a person has to do something first.
func (c *apiUserChangeCmd) Run(ctx context.Context, a *app) error {
	if c.Pause && c.Resume {
		return usagef("--pause and --resume cannot go together: the credentials are changed between them")
	}
	if c.Cancel && (c.Pause || c.Resume) {
		return usagef("--cancel goes with neither --pause nor --resume")
	}
	if !c.Resume && (c.APIUser != "" || c.MID != 0) {
		return usagef("--api-user and --mid go with --resume")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	switch {
	case c.Pause:
		return c.pause(ctx, a, cl)
	case c.Resume:
		return c.resume(ctx, a, cl)
	case c.Cancel:
		return c.cancel(ctx, a, cl)
	}
	p, err := cl.APIUserPlan(ctx)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(p)
	} else {
		err = a.print(planOfChange(p))
	}
	if err == nil && (p.Change.UnderWay() || anyWrong(p.Proof)) {
		err = errNo
	}
	return err
}

func planOfChange(p connect.APIUserPlan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "API user         %s\n", oneLine(p.APIUser))
	if p.Change.UnderWay() {
		fmt.Fprintf(&b, "change           %s, begun by %s on %s\n", oneLine(p.Change.Step), oneLine(p.Change.Actor), p.Change.StartedAt.Format(time.RFC3339))
		b.WriteString(items("paused", p.Change.Items))
	}
	b.WriteString(proof(p.Proof))
	for _, e := range p.Effects {
		fmt.Fprintf(&b, "effect           %s\n", oneLine(e))
	}
	b.WriteString(items("will stop", p.Active))
	for _, click := range p.Before {
		fmt.Fprintf(&b, "click first      %s\n", oneLine(click))
	}
	return b.String()
}

func items(title string, all []connect.APIUserItem) string {
	var b strings.Builder
	for _, i := range all {
		fmt.Fprintf(&b, "%-16s %s %s (%s) in business unit %d\n", title, oneLine(words(i.Kind)), oneLine(i.Name), oneLine(i.Key), i.MID)
	}
	return b.String()
}

// paused counts what a change has paused.
func paused(all []connect.APIUserItem) int {
	n := 0
	for _, i := range all {
		if i.Paused {
			n++
		}
	}
	return n
}

func proof(all []connect.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%-16s %s: %s\n", map[bool]string{true: "ok", false: "not ok"}[f.OK], oneLine(f.Name), oneLine(f.Got))
		if !f.OK {
			fmt.Fprintf(&b, "                 should be %s\n", oneLine(f.Want))
		}
	}
	return b.String()
}

func anyWrong(all []connect.Finding) bool {
	for _, f := range all {
		if !f.OK {
			return true
		}
	}
	return false
}

func (c *apiUserChangeCmd) pause(ctx context.Context, a *app, cl *connect.Client) error {
	done, err := cl.PauseForAPIUser(ctx, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(done)
	}
	return a.print(items("paused", done.Items) + "paused; next\n" +
		"  stop by hand what the plan names as clicks\n" +
		"  change the credentials of " + oneLine(done.APIUser) + " in Engagement, under Setup > Users or at his next sign-in\n" +
		"  twinspan api-user change --resume\n")
}

// cancel ends a change; exit code 3 where a person has to start something still.
func (c *apiUserChangeCmd) cancel(ctx context.Context, a *app, cl *connect.Client) error {
	done, err := cl.CancelAPIUserChange(ctx, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(done.Items), func(i connect.APIUserItem) bool { return !i.Paused })
	if a.json {
		err = a.printJSON(done)
	} else {
		text := items("paused still", left) + "cancelled; what was paused is set going\n"
		if len(left) > 0 {
			text = items("paused still", left) + "cancelled; start what is paused still by hand: Email Studio > Interactions > Triggered Emails > Start\n"
		}
		err = a.print(text)
	}
	if err == nil && len(left) > 0 {
		err = errNo
	}
	return err
}

func (c *apiUserChangeCmd) resume(ctx context.Context, a *app, cl *connect.Client) error {
	out, err := cl.ResumeAPIUser(ctx, c.APIUser, c.MID, a.who(c.By))
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(out)
	} else {
		err = a.print(proof(out.Proof))
		switch {
		case err != nil:
		case out.AuthorizeURL != "":
			err = a.print("warning          " + oneLine(out.Warning) + "\nnext             he signs in once, within ten minutes: " + oneLine(out.AuthorizeURL) + "\n                 then the same command again\n")
		case out.Resumed:
			p, planErr := cl.APIUserPlan(ctx)
			if planErr != nil {
				return planErr
			}
			err = a.print(fmt.Sprintf("resumed; %d definitions are set going\n", paused(out.Change.Items)) + "look at          " + strings.Join(p.After, "\nlook at          ") + "\n")
		}
	}
	if err == nil && !out.Resumed {
		err = errNo
		if out.AuthorizeURL == "" {
			a.errorf("he is not as he should be, so nothing was set going")
		}
	}
	return err
}
