package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// sendTriggeredCmd holds the commands about triggered sends on records.
type sendTriggeredCmd struct {
	List    triggeredListCmd    `cmd:"" help:"List the triggered sends."`
	Add     triggeredAddCmd     `cmd:"" help:"Send when records of an object are made or changed, from now on."`
	Start   triggeredStartCmd   `cmd:"" help:"Start one again; what happened meanwhile fires nothing."`
	Stop    triggeredStopCmd    `cmd:"" help:"Stop one."`
	Remove  triggeredRemoveCmd  `cmd:"" help:"Remove one with its firings."`
	Firings triggeredFiringsCmd `cmd:"" help:"Show what fired one, and what came of it."`
}

// triggeredListCmd lists them.
type triggeredListCmd struct {
	connectFlags
}

// Run prints them; exit code 3 where there are none.
func (c *triggeredListCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	all, err := cl.Triggers(ctx)
	if err != nil {
		return err
	}
	if a.json {
		if all == nil {
			all = []connect.Trigger{}
		}
		err = a.printJSON(all)
	} else if len(all) > 0 {
		rows := make([][]string, len(all))
		for i, t := range all {
			state := map[bool]string{true: "active", false: "stopped"}[t.Active]
			if t.Cause != nil {
				state += ", failing: " + t.Cause.Code
			}
			var where []string
			for _, k := range t.Criteria {
				where = append(where, k.Field+" "+words(k.Operator)+" "+strconv.Quote(k.Value))
			}
			rows[i] = []string{t.ID, t.Name, t.Object, words(t.On), strings.Join(where, ", "), strconv.Itoa(t.DelayHours) + "h", t.DefinitionKey, state}
		}
		err = a.printTable([]string{"id", "name", "object", "on", "where", "delay", "definition", "state"}, rows)
	}
	if err == nil && len(all) == 0 {
		err = errNo
	}
	return err
}

// triggeredAddCmd makes one.
type triggeredAddCmd struct {
	connectFlags
	Name       string   `arg:"" help:"Its name."`
	Object     string   `required:"" help:"API name of the object: Contact, Case, Order__c." placeholder:"OBJECT" env:"-"`
	On         string   `help:"insert, update, either, or either-subsequently: made so that the criteria hold, or changed so that they begin to." enum:"insert,update,either,either-subsequently" default:"either" env:"-"`
	Where      []string `help:"A criterion; all must hold. FIELD=VALUE, FIELD!=VALUE, FIELD~VALUE (contains), FIELD^VALUE (starts with), FIELD>VALUE, FIELD<VALUE." placeholder:"CRITERION" sep:"none" env:"-"`
	Person     string   `help:"Field with the contact or lead, where the object is none: ContactId." placeholder:"FIELD" env:"-"`
	Delay      int      `help:"Hours to wait, at most 720." placeholder:"HOURS" env:"-"`
	Definition string   `help:"External key of the triggered send definition in Engagement; welcome where not given." default:"welcome" placeholder:"KEY" env:"-"`
	By         string   `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// criterionOperators in the order in which they are looked for.
var criterionOperators = []struct{ sign, name string }{{"!=", "not_equal"}, {"=", "equals"}, {"~", "contains"}, {"^", "starts_with"}, {">", "greater_than"}, {"<", "less_than"}}

func parseCriterion(s string) (connect.Criterion, bool) {
	at := strings.IndexAny(s, "!=~^><")
	if at <= 0 {
		return connect.Criterion{}, false
	}
	for _, o := range criterionOperators {
		if value, ok := strings.CutPrefix(s[at:], o.sign); ok {
			return connect.Criterion{Field: strings.TrimSpace(s[:at]), Operator: o.name, Value: strings.TrimSpace(value)}, true
		}
	}
	return connect.Criterion{}, false
}

// Run makes it.
func (c *triggeredAddCmd) Run(ctx context.Context, a *app) error {
	t := connect.Trigger{Name: c.Name, Object: c.Object, On: strings.ReplaceAll(c.On, "-", "_"), PersonField: c.Person, DelayHours: c.Delay, DefinitionKey: c.Definition}
	for _, text := range c.Where {
		k, ok := parseCriterion(text)
		if !ok {
			return usagef("--where: %q is no criterion such as Status=Open", text)
		}
		t.Criteria = append(t.Criteria, k)
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	made, err := cl.AddTrigger(ctx, t, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(made)
	}
	return a.print("triggered send  " + oneLine(made.ID) + "\nfires on        " + oneLine(made.Object+" "+words(made.On)) + " since " + made.CreatedAt.Format(time.RFC3339) + "\n")
}

// triggeredID names one, and who asks.
type triggeredID struct {
	connectFlags
	ID string `arg:"" help:"Id of the triggered send, as the list shows it."`
	By string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

func (c *triggeredID) setActive(ctx context.Context, a *app, active bool) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	_, err = cl.SetTriggerActive(ctx, c.ID, active, a.who(c.By), oauth.NewToken(24))
	return err
}

// triggeredStartCmd starts one.
type triggeredStartCmd struct{ triggeredID }

// Run starts it.
func (c *triggeredStartCmd) Run(ctx context.Context, a *app) error { return c.setActive(ctx, a, true) }

// triggeredStopCmd stops one.
type triggeredStopCmd struct{ triggeredID }

// Run stops it.
func (c *triggeredStopCmd) Run(ctx context.Context, a *app) error { return c.setActive(ctx, a, false) }

// triggeredRemoveCmd removes one.
type triggeredRemoveCmd struct{ triggeredID }

// Run removes it.
func (c *triggeredRemoveCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	return cl.RemoveTrigger(ctx, c.ID, a.who(c.By), oauth.NewToken(24))
}

// triggeredFiringsCmd shows firings.
type triggeredFiringsCmd struct {
	connectFlags
	ID string `arg:"" help:"Id of the triggered send, as the list shows it."`
}

// Run prints them; exit code 3 where there are none.
func (c *triggeredFiringsCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	all, err := cl.Firings(ctx, c.ID)
	if err != nil {
		return err
	}
	if a.json {
		if all == nil {
			all = []connect.Firing{}
		}
		err = a.printJSON(all)
	} else if len(all) > 0 {
		rows := make([][]string, len(all))
		for i, f := range all {
			reason := ""
			if f.Reason != nil {
				reason = f.Reason.Code + ": " + f.Reason.Message
			}
			rows[i] = []string{f.RecordID, f.ModifiedAt.Format(time.RFC3339), f.DueAt.Format(time.RFC3339), f.Status, f.MessageKey, reason}
		}
		err = a.printTable([]string{"record", "changed", "due", "status", "message", "reason"}, rows)
	}
	if err == nil && len(all) == 0 {
		err = errNo
	}
	return err
}
