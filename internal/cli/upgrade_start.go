package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// Roles in which a person takes part in an upgrade.
const (
	asEngagementAdmin = "engagement-admin"
	asCRMAdmin        = "crm-admin"
	asBoth            = "both"
)

// plays reports whether whoever takes part as a role does the steps of an owner, as the API names it.
func plays(role, owner string) bool {
	return role == asBoth || strings.ReplaceAll(role, "-", "_") == owner
}

// upgradeStartCmd begins an upgrade, or goes on with it.
type upgradeStartCmd struct {
	connectFlags
	outageFlags
	secretFlags
	OrgUser          string   `help:"The CRM admin's user name, instead of the ready file's. TWINSPAN_ORG_PASSWORD and TWINSPAN_ORG_SECURITY_TOKEN take the place of the ready file's secrets." placeholder:"USERNAME"`
	OrgURL           string   `help:"URL of the org, with the CRM admin's access token in TWINSPAN_ORG_TOKEN; instead of a ready file." placeholder:"URL"`
	As               string   `help:"Whose steps to do: engagement-admin, crm-admin, both." enum:"engagement-admin,crm-admin,both" default:"engagement-admin" env:"-"`
	Yes              bool     `help:"The warnings are read, and the changes acknowledged." env:"-"`
	LeaveOut         []string `help:"Salesforce users who are not to be assigned to the connected app; may be repeated." placeholder:"NAME" env:"-" sep:"none"`
	VerifyDefinition string   `help:"Triggered send definition of the test email and the triggered send that the upgrade is verified by." placeholder:"KEY" env:"-"`
	VerifyAs         string   `help:"Mapped user who sends the test email; the first one, where not given." placeholder:"NAME" env:"-"`
	VerifyTo         string   `help:"Where the test email goes; that user's own address, where not given." placeholder:"ADDRESS" env:"-"`
	VerifyContact    string   `help:"Contact or lead for the triggered send; none is made, where not given." placeholder:"ID" env:"-"`
	NoVerify         bool     `help:"Close the upgrade without a test email." env:"-"`
	Anyway           bool     `help:"With --kind tenant-oauth: go on though scheduled sends have not completed; document 002 has them complete \"if possible\"; and, where it is verified, without business units that Engagement does not have any more. With --as crm-admin: go on though the system user cannot see in the org what was done." env:"-"`
	By               string   `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Help is what `twinspan upgrade start --help` says beneath the flags' summary.
func (*upgradeStartCmd) Help() string {
	return `The upgrade is a job of Connect's that goes on whether this command runs or not. This command does the steps of --as, each in that person's own session, and returns when it is somebody
else's turn (exit code 3, with what he has to do) or the upgrade is closed. Given again, it goes on. Where the system user has to allow the connected app, his password is
system_user_password of --secrets-file, TWINSPAN_SYSTEM_USER_PASSWORD or the ready file's; it goes to the org's own page. Without it the address is printed for a browser.`
}

// warnings are document 003's before Connect Account.
const warnings = `During this process, the system automatically connects to any active Salesforce session.
  Log out of any active Sales or Service Cloud sessions, other than the Salesforce system user's for this process.
  Closing the tab doesn't end an active session.
  If you use a company-specific login URL, such as https://mycompany.my.salesforce.com, log in to that org as the Salesforce system user first.
The connection between the clouds isn't available while the outage is open: pause all Marketing Cloud Connect activities.
`

// Run begins or goes on.
func (c *upgradeStartCmd) Run(ctx context.Context, a *app) error {
	at, err := c.at()
	if err != nil {
		return err
	}
	if c.Window != 0 && (c.Window < time.Minute || c.Window > 72*time.Hour) {
		return usagef("--window is from one minute to 72 hours")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.Upgrade(ctx)
	if err != nil {
		return err
	}
	if u == nil || u.Closed() || u.State == "booked" {
		if !plays(c.As, "engagement_admin") {
			return usagef("no upgrade is under way: the Engagement admin begins it")
		}
		kind, err := c.begins(ctx, cl, u)
		if err != nil {
			return err
		}
		if c.Kind == "" { // whoever named none learns which it is before anything is changed
			a.errorf("this begins the %s", called(kind))
		}
		if err := c.acknowledged(ctx, a, kind); err != nil {
			return err
		}
		r := connect.UpgradeStart{
			Kind: kind, Order: c.Order, Mode: c.Mode, WindowMinutes: int(c.Window / time.Minute), Acknowledged: true, Verify: c.verification(), By: a.who(c.By),
		}
		if !at.IsZero() {
			r.At = &at
		}
		if u, err = cl.StartUpgrade(ctx, r, oauth.NewToken(24)); err != nil {
			return err
		}
	} else if err := c.goesOn(u, at); err != nil {
		return err
	}
	if u.Kind == kindTenantOAuth {
		return c.playTenantOAuth(ctx, a, cl, u)
	}
	return c.play(ctx, a, cl, u)
}

// called is what a sentence calls an upgrade of a kind.
func called(kind string) string {
	if kind == kindTenantOAuth {
		return "upgrade to tenant-specific OAuth (document 002)"
	}
	return "upgrade to Connected App (document 003)"
}

// begins is the kind of the upgrade that is about to begin: the one asked for, else the booked one's, else that which the connection
// needs. The other kind does not follow one that is closed unless it is asked for: the command that brought that one on, given once more,
// would begin another outage.
func (c *upgradeStartCmd) begins(ctx context.Context, cl *connect.Client, u *connect.Upgrade) (string, error) {
	switch {
	case c.Kind != "":
		return strings.ReplaceAll(c.Kind, "-", "_"), nil
	case u != nil && u.State == "booked":
		return u.Kind, nil
	}
	s, err := cl.Status(ctx)
	if err != nil {
		return "", err
	}
	kind := "connected_app"
	if s.Org.Auth != "password" && s.Engagement.Auth == "password" {
		kind = kindTenantOAuth
	}
	if u != nil && u.State != "cancelled" && u.Kind != kind && (s.Org.Auth == "password" || s.Engagement.Auth == "password") {
		return "", usagef("the %s is closed, and nothing was begun; what the connection needs next is the %s: `twinspan upgrade start --kind %s` begins it", called(u.Kind), called(kind), strings.ReplaceAll(kind, "_", "-"))
	}
	return kind, nil
}

// goesOn refuses flags that say otherwise than the upgrade that is under way: whoever gave them means another one, or one that
// somebody else has begun meanwhile.
func (c *upgradeStartCmd) goesOn(u *connect.Upgrade, at time.Time) error {
	window := time.Duration(u.WindowMinutes) * time.Minute
	for _, f := range []struct {
		flag, given, is, change string
	}{
		{"kind", c.Kind, strings.ReplaceAll(u.Kind, "_", "-"), "cancel it"},
		{"order", c.Order, u.Order, "cancel it"},
		{"mode", c.Mode, u.Mode, "`twinspan upgrade schedule` changes it before the outage opens"},
		{"window", written(c.Window, c.Window != 0), written(window, true), "`twinspan upgrade schedule` changes it before the outage opens"},
		{"at", written(at.UTC().Format(time.RFC3339), !at.IsZero()), written(u.At.UTC().Format(time.RFC3339), !u.At.IsZero()), "`twinspan upgrade schedule` changes it before the outage opens"},
	} {
		if f.given != "" && f.given != f.is {
			return usagef("an upgrade is under way, begun by %s, with --%s %s, not %s: leave the flag out to go on with it; %s", oneLine(u.By), f.flag, cmp.Or(f.is, "as soon as may be"), f.given, f.change)
		}
	}
	return nil
}

// written is a flag's value as text; "" where it was not given.
func written(value any, given bool) string {
	if !given {
		return ""
	}
	return fmt.Sprint(value)
}

func (c *upgradeStartCmd) verification() connect.UpgradeVerification {
	return connect.UpgradeVerification{Definition: c.VerifyDefinition, As: c.VerifyAs, To: c.VerifyTo, Contact: c.VerifyContact}
}

// acknowledged shows the warnings, and refuses to go on where nobody said that they are read.
func (c *upgradeStartCmd) acknowledged(ctx context.Context, a *app, kind string) error {
	if c.Yes {
		return nil
	}
	text := warnings
	if kind == kindTenantOAuth {
		text = tenantWarnings
	}
	if err := a.print(text); err != nil {
		return err
	}
	if a.json || a.person() == nil {
		return usagef("nothing was done; say --yes when the warnings are read")
	}
	answer, err := a.askFor(ctx, "Type yes to go on")
	if err != nil {
		return err
	}
	if answer != "yes" {
		return usagef("nothing was done")
	}
	c.Yes = true
	return nil
}

// answerWithin is how long Connect may take to look at what it was told.
const answerWithin = 20 * time.Second

// play does what is this person's to do, until it is somebody else's turn.
func (c *upgradeStartCmd) play(ctx context.Context, a *app, cl *connect.Client, u *connect.Upgrade) error {
	told := map[string]time.Time{} // what was told already, and when: the answer takes a moment
	var hour hourCome
	return a.watchUpgrade(ctx, cl, u, &upgradePrinter{a: a}, func(u *connect.Upgrade) (bool, error) {
		w := u.Waiting
		switch {
		case u.Closed():
			return true, nil
		case w == nil || w.For == "connect":
			return false, nil
		case hour.opens(u):
			return false, nil
		case !plays(c.As, w.For) || w.Undoing:
			return true, nil
		}
		turn := w.Step + w.For
		switch { // a refusal changes what was read, and each telling is another attempt: another test email, another row in a history
		case allows(w):
			turn += " allow"
		case w.For == "crm_admin": // of his own, whose effect is read back
			turn += w.Have
		}
		if when, again := told[turn]; again { // refused, or it does not read back as it should
			return u.ToldBy(w.Step) == "" || time.Since(when) > answerWithin, nil
		}
		told[turn] = time.Now()
		return c.turn(ctx, a, cl, u)
	})
}

// hourCome is when the hour that an upgrade waits for was first seen to have come.
type hourCome struct{ seen time.Time }

// opens reports whether the hour has come and Connect, which looks every few seconds, is about to see it.
func (h *hourCome) opens(u *connect.Upgrade) bool {
	w := u.Waiting
	if w.For != "time" || w.Until.IsZero() || u.Progress.UntilSeconds > 0 {
		return false
	}
	if h.seen.IsZero() {
		h.seen = time.Now()
	}
	return time.Since(h.seen) < answerWithin
}

// turn does one step of an admin, and tells Connect. It reports whether that is all that can be done now.
func (c *upgradeStartCmd) turn(ctx context.Context, a *app, cl *connect.Client, u *connect.Upgrade) (bool, error) {
	t := connect.UpgradeTelling{By: a.who(c.By)}
	switch w := u.Waiting; {
	case w.Code == "not_readable" && !c.Anyway:
		return true, nil
	case w.For == "crm_admin":
		s, err := cl.Status(ctx)
		if err != nil {
			return true, err
		}
		done, err := c.org(ctx, a, cl, w.Step, s.Org.SystemUser)
		if err != nil || !done {
			return true, err
		}
		t.Anyway = w.Step == "assignments" && len(c.LeaveOut) > 0 || w.Code == "not_readable"
	case w.Step == "acknowledge":
		if err := c.acknowledged(ctx, a, u.Kind); err != nil {
			return true, err
		}
	case allows(w):
		return c.allow(ctx, a, cl)
	case w.Step == "verify":
		t.Verify = c.verification()
		if t.Verify.Definition == "" && !c.NoVerify {
			return true, nil
		}
	}
	_, err := cl.TellUpgrade(ctx, u.Waiting.Step, t, oauth.NewToken(24))
	return false, err
}

// allows reports whether the upgrade waits for the system user to allow the connected app.
func allows(w *connect.UpgradeWaiting) bool {
	return w.Step == "connect_account" && strings.Contains(w.Have, "hasn't approved")
}

// allow opens Connect Account as the system user, or prints where he has to.
func (c *upgradeStartCmd) allow(ctx context.Context, a *app, cl *connect.Client) (bool, error) {
	s, err := cl.Status(ctx)
	if err != nil {
		return true, err
	}
	address, err := cl.UpgradeAccount(ctx, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return true, err
	}
	given, err := c.read(ctx, a, systemPassword)
	if err != nil {
		return true, err
	}
	password := given[systemPassword]
	if c.URL == "" && password == "" {
		r, err := c.ready()
		if err != nil {
			return true, err
		}
		if strings.EqualFold(r.CRM.SystemUser.Username, s.Org.SystemUser) {
			password = vault.Secret(r.CRM.SystemUser.Password)
		}
	}
	if password == "" {
		a.errorf("%s logs in to the org within ten minutes, and allows the app: %s", oneLine(s.Org.SystemUser), oneLine(address))
		return false, nil
	}
	origin, err := originOf(s.Org.URL)
	if err != nil {
		return true, err
	}
	page, err := signIn(ctx, address, map[string]browser.Credentials{origin: credentials(s.Org.SystemUser, password)}, "Yes, connect")
	if err == nil && page.Status != http.StatusOK {
		err = fmt.Errorf("connect account: %s", oneLine(page.Text))
	}
	return false, err
}

// upgradeEvery is how often an upgrade is looked at.
const upgradeEvery = 200 * time.Millisecond

// watchUpgrade looks at an upgrade again and again, prints what is news, and asks turn after each look whether that is enough.
// Exit code 3 where it is enough and the upgrade is not closed.
func (a *app) watchUpgrade(ctx context.Context, cl *connect.Client, u *connect.Upgrade, p *upgradePrinter, turn func(*connect.Upgrade) (bool, error)) error {
	return a.watchUpgradeEvery(ctx, cl, u, p, upgradeEvery, turn)
}

// watchUpgradeEvery is watchUpgrade with that pause between looks.
func (a *app) watchUpgradeEvery(ctx context.Context, cl *connect.Client, u *connect.Upgrade, p *upgradePrinter, every time.Duration, turn func(*connect.Upgrade) (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := p.show(u); err != nil {
			return err
		}
		enough, err := turn(u)
		if err != nil {
			return err
		}
		if enough {
			if err := p.last(u); err != nil {
				return err
			}
			if !u.Closed() || u.State == "cancelled" {
				return errNo
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the upgrade goes on without this command; `twinspan upgrade watch` picks it up: %w", ctx.Err())
		case <-tick.C:
		}
		if u, err = cl.Upgrade(ctx); err != nil {
			return err
		}
		if u == nil {
			return fmt.Errorf("the upgrade is gone, and the connection with it")
		}
	}
}

// upgradeWatchCmd watches.
type upgradeWatchCmd struct {
	connectFlags
}

// Run watches until the upgrade is over; exit code 3 where there is none, or it was cancelled.
func (c *upgradeWatchCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.Upgrade(ctx)
	if err != nil {
		return err
	}
	if u == nil {
		return a.noUpgrade()
	}
	p := &upgradePrinter{a: a, each: true}
	defer p.bar()()
	for !u.Closed() {
		refused, err := a.followUpgrade(ctx, cl, func(now *connect.Upgrade) error {
			u = now
			return p.show(u)
		})
		if err != nil {
			return err
		}
		if refused != "" {
			a.errorf("the events of the upgrade do not come (%s): it is asked for each second instead", refused)
			return a.watchUpgradeEvery(ctx, cl, u, p, time.Second, func(u *connect.Upgrade) (bool, error) { return u.Closed(), nil })
		}
	}
	return a.watchUpgrade(ctx, cl, u, p, func(*connect.Upgrade) (bool, error) { return true, nil })
}

// followUpgrade reads an upgrade's events until they end. Where they break off after some, they are asked for again by the caller, who
// is let wait a moment. refused is why not one came though Connect answers: something in between does not let a stream through.
func (a *app) followUpgrade(ctx context.Context, cl *connect.Client, each func(*connect.Upgrade) error) (refused string, err error) {
	came := false
	err = cl.FollowUpgrade(ctx, func(u *connect.Upgrade) error {
		came = true
		return each(u)
	})
	if ctx.Err() != nil {
		return "", fmt.Errorf("the upgrade goes on without this command; `twinspan upgrade watch` picks it up: %w", ctx.Err())
	}
	switch {
	case !came && err == nil:
		return "the answer has none", nil
	case !came && (fault.KindOf(err) != fault.Unavailable || fault.CodeOf(err) == client.CodeProtocol):
		return oneLine(forPeople(err).Error()), nil
	case err != nil && (!came || fault.KindOf(err) != fault.Unavailable):
		return "", err
	}
	pause := time.NewTimer(upgradeEvery)
	defer pause.Stop()
	select {
	case <-ctx.Done():
	case <-pause.C:
	}
	return "", nil
}

func (a *app) noUpgrade() error {
	if a.json {
		if err := a.printJSON(nil); err != nil {
			return err
		}
	}
	return errNo
}

// upgradeCancelCmd cancels.
type upgradeCancelCmd struct {
	connectFlags
	whyFlags
	OrgUser string `help:"The CRM admin's user name, instead of the ready file's; as with start." placeholder:"USERNAME"`
	OrgURL  string `help:"URL of the org, with the CRM admin's access token in TWINSPAN_ORG_TOKEN; as with start." placeholder:"URL"`
	As      string `help:"Whose changes to put back beside Connect's own: engagement-admin, crm-admin, both." enum:"engagement-admin,crm-admin,both" default:"engagement-admin" env:"-"`
	Leave   bool   `help:"With --as crm-admin: leave in the org what the upgrade changed there. It is told." env:"-"`
}

// Run cancels, and waits until everything is put back; exit code 3 where somebody else has to put back something.
func (c *upgradeCancelCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.Upgrade(ctx)
	if err != nil {
		return err
	}
	if u == nil {
		return a.noUpgrade()
	}
	if u.State != "cancelling" {
		if c.Reason == "" {
			return usagef("--reason is missing: say why, it is kept on record")
		}
		if u, err = cl.CancelUpgrade(ctx, c.Reason, c.by(a), oauth.NewToken(24)); err != nil {
			return err
		}
	}
	told, cancelled := map[string]time.Time{}, false
	err = a.watchUpgrade(ctx, cl, u, &upgradePrinter{a: a}, func(u *connect.Upgrade) (bool, error) {
		cancelled = u.State == "cancelled"
		w := u.Waiting
		switch {
		case u.Closed():
			return true, nil
		case w == nil || w.For == "connect":
			return false, nil
		case !plays(c.As, w.For):
			return true, nil
		}
		if when, again := told[w.Step+w.Have]; again {
			return time.Since(when) > answerWithin, nil
		}
		told[w.Step+w.Have] = time.Now()
		if !c.Leave {
			if err := c.putBack(ctx, a, cl, u); err != nil {
				return true, err
			}
		}
		_, err := cl.TellUpgrade(ctx, w.Step, connect.UpgradeTelling{Anyway: c.Leave, By: c.by(a)}, oauth.NewToken(24))
		return false, err
	})
	if cancelled && errors.Is(err, errNo) {
		return nil
	}
	return err
}

// upgradePrinter prints an upgrade as it goes: a line for each thing that is news.
type upgradePrinter struct {
	a    *app
	seen map[string]bool
	// each: every change is told, also for whom the upgrade waits; with --json as a line of JSON.
	each    bool
	tracker *progress.Tracker // nil where there is no bar
}

// bar shows a bar on a terminal; the function that it returns ends it.
func (p *upgradePrinter) bar() func() {
	if !p.a.moves() {
		return func() {}
	}
	p.tracker = &progress.Tracker{Message: "upgrade", Total: 100}
	return p.a.render(p.tracker, nil)
}

func (p *upgradePrinter) show(u *connect.Upgrade) error {
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	if p.tracker != nil {
		p.tracker.UpdateMessage(oneLine(progressLine(u)))
		p.tracker.SetValue(int64(u.Progress.Percent))
	}
	if p.a.json {
		if !p.each {
			return nil
		}
		line, err := json.Marshal(u)
		if err != nil || p.seen[string(line)] {
			return err
		}
		p.seen = map[string]bool{string(line): true}
		return p.a.print(string(line) + "\n")
	}
	var b strings.Builder
	for _, s := range u.Steps {
		if s.Status != "done" && s.Status != "undone" {
			continue
		}
		p.news(&b, fmt.Sprintf("%-7s %s: %s", s.Status, oneLine(s.Title), oneLine(s.Have)))
	}
	if u.Failure != "" {
		p.news(&b, "again   "+oneLine(u.Step)+": "+oneLine(u.Failure))
	}
	if p.each && p.tracker == nil && !u.Closed() {
		if w := u.Waiting; w != nil {
			p.news(&b, "waits   for "+oneLine(waitsFor(w))+": "+oneLine(w.Have))
		}
		p.news(&b, "        "+progressLine(u))
	}
	return p.a.print(b.String())
}

// progressLine says how far the upgrade has come, in one line.
func progressLine(u *connect.Upgrade) string {
	p := u.Progress
	text := fmt.Sprintf("%.0f %%, step %d of %d", p.Percent, min(p.Done+1, p.Steps), p.Steps)
	if p.Users > 0 {
		text += fmt.Sprintf(", %d of %d users reconnected, %d waiting for approval, %d failed", p.Reconnected, p.Users, p.Waiting, p.Failed)
	}
	if p.Rate > 0 {
		text += fmt.Sprintf(", %.0f a second", p.Rate)
	}
	if p.SecondsLeft > 0 {
		text += ", " + (time.Duration(p.SecondsLeft) * time.Second).String() + " left"
	}
	if p.WindowSeconds < 0 {
		text += ", " + (time.Duration(-p.WindowSeconds) * time.Second).Round(time.Minute).String() + " over the window"
	}
	return text
}

func (p *upgradePrinter) news(b *strings.Builder, line string) {
	if !p.seen[line] {
		p.seen[line] = true
		b.WriteString(line + "\n")
	}
}

// last prints how the upgrade stands when nothing more is to be watched.
func (p *upgradePrinter) last(u *connect.Upgrade) error {
	switch {
	case p.a.json && p.each:
		return nil
	case p.a.json:
		return p.a.printJSON(u)
	}
	return p.a.print(describeUpgrade(u))
}

func describeUpgrade(u *connect.Upgrade) string {
	var b strings.Builder
	fmt.Fprintf(&b, "upgrade  %s, %s\n", oneLine(words(u.Kind)), oneLine(u.State))
	if s := u.Progress.WindowSeconds; s < 0 {
		fmt.Fprintf(&b, "window   %s over: the outage goes on until the upgrade is closed or cancelled\n", (time.Duration(-s) * time.Second).Round(time.Second))
	}
	if w := u.Waiting; w != nil && !u.Closed() {
		fmt.Fprintf(&b, "waits    for %s%s\n", oneLine(waitsFor(w)), inTime(u))
		for _, l := range [][2]string{{"error", w.Code}, {"read", w.Have}, {"wanted", w.Want}, {"click", w.Click}, {"or", w.Command}} {
			if l[1] != "" {
				fmt.Fprintf(&b, "%-8s %s\n", l[0], oneLine(l[1]))
			}
		}
	}
	for _, f := range u.Findings {
		fmt.Fprintf(&b, "found    %s\n", oneLine(f.Message))
	}
	return b.String()
}

// inTime says how long it is to the hour that an upgrade waits for: the pair's clock may be another one than the reader's.
func inTime(u *connect.Upgrade) string {
	if u.Waiting.For != "time" || u.Progress.UntilSeconds == 0 {
		return ""
	}
	return ", in " + (time.Duration(u.Progress.UntilSeconds) * time.Second).String()
}

func waitsFor(w *connect.UpgradeWaiting) string {
	switch w.For {
	case "time":
		return w.Until.Format(time.RFC3339)
	case "engagement_admin":
		return "the Engagement admin, at " + w.Step
	case "crm_admin":
		return "the CRM admin, at " + w.Step
	}
	return words(w.For) + ", at " + w.Step
}
