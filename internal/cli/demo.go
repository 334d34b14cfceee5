package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/vault"
)

// demoCmd walks the first journey.
type demoCmd struct {
	serveFlags
	Keep bool `help:"Stay up afterwards, and print addresses and credentials." group:"Running"`
}

// Help is what `twinspan demo --help` says beneath the flags' summary.
func (*demoCmd) Help() string {
	return `Starts a new org, a new tenant and Connect on free loopback ports in a temporary folder, and plays all five founding documents over HTTP, a
row a step, as their people would. Exit code 1 where a step fails.`
}

// Run makes the steps and prints how they went.
func (c *demoCmd) Run(ctx context.Context, a *app) error {
	if c.SMTP != "" {
		return usagef("--smtp: the demo reads its message in the built-in inbox")
	}
	if c.Data == "" {
		c.Ephemeral = true
	}
	if c.Fixture == twinspan.FixtureDemo {
		return usagef("--fixture: the demo makes the connection that %s has already; it begins with %s", twinspan.FixtureDemo, twinspan.FixtureNewOrg)
	}
	if c.Fixture == "" {
		c.Fixture = twinspan.FixtureNewOrg
	}
	if !a.given("--ready-file") { // a variable or a settings file names that of the program whom the other commands talk to
		c.ReadyFile = ""
	}
	c.readyInData()
	cfg, err := c.config(a, "127.0.0.1:0", "warn")
	if err != nil {
		return err
	}
	d := &demo{config: cfg}
	defer d.close()
	display := newProgress(a)
	results := display.run(ctx, d.steps())
	if err := a.printResults(results); err != nil {
		return err
	}
	for _, r := range results {
		if r.err != nil && !errors.Is(r.err, errNotRun) {
			return fmt.Errorf("step %d, %s: %w", r.number, r.title, forPeople(r.err))
		}
	}
	if !c.Keep {
		return d.close()
	}
	if err := a.printCredentials(d.program.Ready(), cfg.ReadyFile); err != nil {
		return err
	}
	return d.program.Run(ctx)
}

// demo is the program and the journey on it, which the first step makes.
type demo struct {
	config  twinspan.Config
	setup   journey.OrgSetup // tests leave something out
	program *twinspan.Program
	journey *journey.Journey
	pair    journey.Pair
	legacy  *legacyDemo // made by the step that starts it
}

func (d *demo) close() error {
	err := d.legacy.close()
	d.legacy = nil
	return errors.Join(err, d.closeOwn())
}

func (d *demo) closeOwn() error {
	if d.journey != nil {
		d.journey.Close()
	}
	if d.program == nil {
		return nil
	}
	return d.program.Close()
}

// step is one line of the demo: what it does, after which document, and how to do it. run returns what to show.
type step struct {
	number   int
	title    string
	document string
	run      func(context.Context) (string, error)
}

// steps play the five documents; the table that follows is printResults.
func (d *demo) steps() []step {
	return []step{
		{1, "start an org, a tenant and Connect", "", d.start},
		{2, "set the app's policies and the permission set", "001", d.setUpOrg},
		{3, "connect the two, by both spans", "002", d.connect},
		{4, "a user signs in once and is mapped", "002", d.mapUser},
		{5, "a triggered send to a contact arrives", "002", d.send},
		{6, "a user who is not assigned is refused", "001", d.refuse},
		{7, "a mapping is cleared and made again", "000", d.remap},
		{8, "an integration user is connected", "004", d.integration},
		{9, "start a pair of before the upgrades", "003", d.startLegacy},
		{10, "upgrade to Connected App", "003", d.upgrade("connected-app")},
		{11, "upgrade to tenant-specific OAuth", "002", d.upgrade("tenant-oauth")},
	}
}

func (d *demo) start(ctx context.Context) (string, error) {
	p, err := twinspan.New(ctx, d.config)
	if err != nil {
		return "", err
	}
	d.program = p
	r := p.Ready()
	d.pair = pairOf(r)
	if d.journey, err = journey.New(d.pair); err != nil {
		return "", err
	}
	return fmt.Sprintf("org %s, tenant %s, Connect %s", r.CRM.URL, strings.TrimSuffix(r.Engagement.AuthURL, "/"), r.Connect.URL), nil
}

// pairOf makes the journey's people of a ready file: the last ordinary user of the org is the one whom nobody assigns.
func pairOf(r twinspan.Ready) journey.Pair {
	org := func(l twinspan.Login) journey.Person {
		return journey.Person{Username: l.Username, Password: vault.Secret(l.Password), SecurityToken: vault.Secret(l.SecurityToken)}
	}
	p := journey.Pair{
		OrgURL: r.CRM.URL, AuthURL: r.Engagement.AuthURL, ConnectURL: r.Connect.URL, ControlURL: r.Control.URL,
		ConnectToken: vault.Secret(r.Connect.APIToken), ControlToken: vault.Secret(r.Control.Token),
		OrgAdmin: org(r.CRM.Admin), SystemUser: org(r.CRM.SystemUser), APIUser: org(r.Engagement.APIUser),
		EID: r.Engagement.EID, DefinitionKey: "welcome", EmailKey: "welcome-email",
		Marketer: journey.Client{ID: r.Engagement.InstalledPackage.ClientID, Secret: vault.Secret(r.Engagement.InstalledPackage.ClientSecret)},
	}
	last := min(len(r.CRM.Users), len(r.Engagement.Users)) - 1
	for i := range last {
		p.Members = append(p.Members, journey.Member{Org: org(r.CRM.Users[i]), Tenant: org(r.Engagement.Users[i])})
	}
	if last >= 0 {
		p.Outsider = org(r.CRM.Users[last])
	}
	return p
}

func (d *demo) setUpOrg(ctx context.Context) (string, error) {
	if err := d.journey.SetUpOrg(ctx, d.setup); err != nil {
		return "", err
	}
	return fmt.Sprintf("admin approved, relaxed IP, refresh tokens expire; %q assigned to %s and read back", journey.ApprovalSet, d.pair.SystemUser.Username), nil
}

func (d *demo) connect(ctx context.Context) (string, error) {
	if err := d.journey.Connect(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("into the org as %s, into Engagement as %s; no password kept", d.pair.SystemUser.Username, d.pair.APIUser.Username), nil
}

func (d *demo) mapUser(ctx context.Context) (string, error) {
	m := d.pair.Members[0]
	t := d.journey.Traveller(m)
	first, err := t.Visit(ctx)
	if err != nil {
		return "", err
	}
	if err := t.VisitAgain(ctx); err != nil {
		return "", err
	}
	if err := d.journey.Traveller(m).VisitMapped(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is %s; first visit %d forms, second none, Engagement asks nowhere again", m.Org.Username, m.Tenant.Username, first.OrgForms+first.TenantForms), nil
}

func (d *demo) send(ctx context.Context) (string, error) {
	m, err := d.journey.Send(ctx, journey.Contact{FirstName: "Ada", LastName: "Lindqvist", Email: "ada.lindqvist@customer.example"})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%q to %s", m.Subject, strings.Join(m.To, ", ")), nil
}

func (d *demo) refuse(ctx context.Context) (string, error) {
	r, err := d.journey.RefuseOutsider(ctx)
	if err != nil {
		return "", err
	}
	return d.pair.Outsider.Username + ": " + r.String(), nil
}

// result is how a step went.
type result struct {
	step
	text string
	err  error
	took time.Duration
}

// errNotRun marks the steps after one that failed.
var errNotRun = errors.New("not run")

// runStep makes one step.
func runStep(ctx context.Context, s step) result {
	start := time.Now()
	text, err := s.run(ctx)
	return result{step: s, text: text, err: err, took: time.Since(start)}
}

// printResults is the journey's seventh step: the table.
func (a *app) printResults(results []result) error {
	if a.json {
		type line struct {
			Step     int     `json:"step"`
			Title    string  `json:"title"`
			Document string  `json:"document"`
			Done     bool    `json:"done"`
			Result   string  `json:"result"`
			Millis   float64 `json:"ms"`
		}
		lines := make([]line, len(results))
		for i, r := range results {
			lines[i] = line{r.number, r.title, r.document, r.err == nil, r.say(), float64(r.took.Microseconds()) / 1000}
		}
		return a.printJSON(lines)
	}
	rows := make([][]string, len(results))
	for i, r := range results {
		rows[i] = []string{fmt.Sprintf("%d %s", r.number, r.title), r.document, r.say(), fmt.Sprint(r.took.Milliseconds())}
	}
	if err := a.print("\n"); err != nil {
		return err
	}
	return a.printTable([]string{"step", "document", "result", "ms"}, rows)
}

func (r result) say() string {
	if r.err != nil {
		if errors.Is(r.err, errNotRun) {
			return errNotRun.Error()
		}
		return "failed: " + forPeople(r.err).Error()
	}
	return r.text
}

// printCredentials is what --keep shows: a new pair's addresses, users and passwords.
func (a *app) printCredentials(r twinspan.Ready, readyFile string) error {
	if a.json {
		return a.printJSON(r)
	}
	if err := a.print("\n"); err != nil {
		return err
	}
	if err := a.printReady(r, readyFile); err != nil {
		return err
	}
	rows := [][]string{
		{"org admin", r.CRM.Admin.Username, r.CRM.Admin.Password, r.CRM.Admin.SecurityToken},
		{"org system user", r.CRM.SystemUser.Username, r.CRM.SystemUser.Password, r.CRM.SystemUser.SecurityToken},
	}
	for _, u := range r.CRM.Users {
		rows = append(rows, []string{"org user", u.Username, u.Password, u.SecurityToken})
	}
	rows = append(rows,
		[]string{"tenant admin", r.Engagement.Admin.Username, r.Engagement.Admin.Password, ""},
		[]string{"tenant API user", r.Engagement.APIUser.Username, r.Engagement.APIUser.Password, ""})
	for _, u := range r.Engagement.Users {
		rows = append(rows, []string{"tenant user", u.Username, u.Password, ""})
	}
	if err := a.print("\n"); err != nil {
		return err
	}
	if err := a.printTable([]string{"who", "user name", "password", "security token"}, rows); err != nil {
		return err
	}
	return a.print(fmt.Sprintf("\nConnect's API token   %s\ncontrol API token     %s\nstays up until Ctrl-C\n", r.Connect.APIToken, r.Control.Token))
}
