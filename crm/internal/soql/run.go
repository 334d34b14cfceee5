package soql

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// Batch sizes of answers (crm-wire 3.4).
const (
	DefaultBatch = 2000
	MinBatch     = 200
)

// Bounds of answers with child queries, so that one answer stays within some ten thousand records: the vendor, too, makes
// batches smaller where there are children.
const (
	parentBatch     = 200
	childrenBatch   = 10_000 // of one child query, shared by the parents of a batch
	minChildren     = 200    // of one parent
	childrenAtATime = 1000   // parents of one call of Source.SelectChildren
)

// locatorLife is how long a query can be gone on with.
const locatorLife = 48 * time.Hour

// maxRun is how long a query may run.
const maxRun = 10 * time.Second

// Runner runs queries.
type Runner struct {
	Source   Source
	Locators LocatorStore
	Schema   func(org.Session) *org.Schema
	Clock    *clock.Domain
	// Budget is what all answers of this runner have together; nil where each stands alone. Past it an answer still has one
	// row, and a locator for the rest.
	Budget *Budget
}

// Result is one batch of an answer.
type Result struct {
	Plan  *Plan
	Total int
	Rows  []Row
	Next  string // "01g…-2000", where there is more; "" at the end
}

// Plan understands a query as the session's user means it at the domain time.
func (r *Runner) Plan(ctx context.Context, s org.Session, text string, at time.Time) (*Plan, error) {
	c := Context{Schema: r.Schema(s), Permissions: s.Permissions, User: s.User, Calendar: func() (Calendar, error) {
		return r.calendar(ctx, s, at)
	}}
	p, err := c.Parse(text)
	if err == nil && !p.Count && !p.Aggregate && p.Object.MaxRows > 0 {
		p.Limit = p.cap(p.Object.MaxRows)
	}
	return p, err
}

func (r *Runner) calendar(ctx context.Context, s org.Session, at time.Time) (Calendar, error) {
	zone, locale, err := r.Source.Home(ctx, s.Org, s.User)
	if err != nil {
		return Calendar{}, err
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC // a zone that this program's data lack: the picklist has none such
	}
	return Calendar{Now: at.In(loc), WeekStart: weekStart(locale)}, nil
}

// Run answers a query: the first batch of it. deleted asks for records in the recycle bin too.
func (r *Runner) Run(ctx context.Context, s org.Session, text string, deleted bool, batch int) (*Result, error) {
	now := r.Clock.Now(string(s.Org))
	p, err := r.Plan(ctx, s, text, now)
	if err != nil {
		return nil, err
	}
	p.include(deleted)
	b := &batchOf{runner: r, session: s, plan: p, size: batch}
	res, err := b.read(ctx, position{column: -1})
	if err != nil || !b.more {
		return res, err
	}
	l := Locator{Org: s.Org, ID: org.NewID(PrefixLocator), User: s.User, Query: text, Deleted: deleted, Created: now, Total: res.Total}
	if err := r.Locators.AddLocator(ctx, l); err != nil {
		return nil, err
	}
	res.locate(string(l.ID))
	return res, nil
}

// Each hands over all rows of a query's answer, however many they are, without keeping them. Child queries and groups
// are not for it.
func (r *Runner) Each(ctx context.Context, s org.Session, text string, deleted bool, each func(*Plan, Row) error) error {
	p, err := r.Plan(ctx, s, text, r.Clock.Now(string(s.Org)))
	if err != nil {
		return err
	}
	if p.Count || p.Aggregate || p.HasChildren() {
		return fault.New(fault.Invalid, CodeMalformedQuery, "Aggregate queries and queries with child queries are not supported here")
	}
	p.include(deleted)
	return r.Source.Select(ctx, s.Org, p, p.Offset, p.cap(noLimit), func(row Row) error {
		p.mark(s, row)
		return each(p, row)
	})
}

// mark says of sessions in a row whether each is the one that asks, which the source cannot know.
func (p *Plan) mark(s org.Session, row Row) {
	for i, c := range p.Columns {
		if c.Child == nil && !p.Aggregate && c.Field != nil && c.Field.Name == org.FieldIsCurrent && row.Values[i] != nil {
			row.Values[i] = s.IsCurrent(row.IDs[c.Join])
		}
	}
}

// noLimit is more rows than any table has.
const noLimit = 1 << 40

// cap is n, or what the plan's limit leaves of it.
func (p *Plan) cap(n int) int {
	if p.Limit >= 0 {
		return min(n, p.Limit)
	}
	return n
}

// include takes records of the recycle bin into the plan and its child queries.
func (p *Plan) include(deleted bool) {
	p.Deleted = p.Deleted || deleted
	for _, c := range p.Columns {
		if c.Child != nil {
			c.Child.include(p.Deleted)
		}
	}
}

// position is where a batch begins: at row from of the answer, or of the child query in a column, for one parent.
type position struct {
	locator org.ID
	from    int
	after   org.ID // the record before, where records come by id: looking for it costs less than counting rows again
	total   int    // of the answer, where it is known
	column  int    // -1: the query itself
	parent  org.ID
}

// parsePosition reads "01g…-2000", "01g…-2000-003…" and "01g…-2000-3-001…".
func parsePosition(next string) (position, error) {
	invalid := fault.New(fault.Invalid, CodeInvalidLocator, "invalid query locator")
	parts := strings.Split(next, "-")
	if len(parts) < 2 || len(parts) > 4 {
		return position{}, invalid
	}
	id, err := org.ParseID(parts[0])
	p := position{locator: id, column: -1}
	if err != nil || id.Prefix() != PrefixLocator || !number(parts[1], &p.from) || p.from < 1 {
		return position{}, invalid
	}
	switch len(parts) {
	case 3:
		if p.after, err = org.ParseID(parts[2]); err != nil {
			return position{}, invalid
		}
	case 4:
		if p.parent, err = org.ParseID(parts[3]); err != nil || !number(parts[2], &p.column) {
			return position{}, invalid
		}
	}
	return p, nil
}

// number reads a number as strconv writes it.
func number(text string, n *int) bool {
	var err error
	*n, err = strconv.Atoi(text)
	return err == nil && *n >= 0 && strconv.Itoa(*n) == text
}

// More goes on with a query from a Result's or a Children's Next. The query is asked anew, so records that came or went
// meanwhile move the rest by their number.
func (r *Runner) More(ctx context.Context, s org.Session, next string, batch int) (*Result, error) {
	invalid := fault.New(fault.Invalid, CodeInvalidLocator, "invalid query locator")
	at, err := parsePosition(next)
	if err != nil {
		return nil, err
	}
	l, err := r.Locators.Locator(ctx, s.Org, at.locator)
	if fault.KindOf(err) == fault.NotFound {
		return nil, invalid
	}
	if err != nil {
		return nil, err
	}
	if l.User != s.User || r.Clock.Now(string(s.Org)).Sub(l.Created) > locatorLife {
		return nil, invalid
	}
	p, err := r.Plan(ctx, s, l.Query, l.Created)
	if err != nil {
		return nil, err
	}
	p.include(l.Deleted)
	b := &batchOf{runner: r, session: s, plan: p, size: batch}
	var res *Result
	if at.column < 0 {
		at.total = l.Total
		res, err = b.read(ctx, at)
	} else {
		if at.column >= len(p.Columns) || p.Columns[at.column].Child == nil {
			return nil, invalid
		}
		res, err = b.readChildren(ctx, at)
	}
	if err == nil {
		res.locate(string(at.locator))
	}
	return res, err
}

// locate puts the locator's id before every position in the result.
func (r *Result) locate(id string) {
	if r.Next != "" {
		r.Next = id + "-" + r.Next
	}
	for _, row := range r.Rows {
		for _, v := range row.Values {
			if c, ok := v.(*Children); ok && c != nil && c.Next != "" {
				c.Next = id + "-" + c.Next
			}
		}
	}
}

// timeout turns the end of a query's time into words for its sender.
func timeout(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Wrap(err, fault.Invalid, CodeTimeout, "Your query request was running for too long.")
	}
	return err
}
