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

// Row is one record of an answer.
type Row struct {
	IDs    []org.ID // of the root, then of the parent of each join; "" where there is none
	Values []any    // as in org.Values, one for each column
}

// Source answers plans, confined to one org.
type Source interface {
	// Select reads at most limit rows of what the plan selects, after skipping offset of them, in an order that does not
	// change between calls. The plan's own limit and offset are the caller's business.
	Select(ctx context.Context, orgID org.ID, p *Plan, offset, limit int) ([]Row, error)
	// CountRows counts what the plan selects without its limit and offset.
	CountRows(ctx context.Context, orgID org.ID, p *Plan) (int, error)
}

// Locator keeps a query whose answer is fetched in batches.
type Locator struct {
	Org     org.ID
	ID      org.ID // prefix 01g
	User    org.ID // nobody else may go on with it
	Query   string
	Deleted bool
	Created time.Time // domain time
}

// LocatorStore keeps locators. It may forget those of a user beyond the ten youngest.
type LocatorStore interface {
	AddLocator(ctx context.Context, l Locator) error
	// Locator reads one; a missing one is a NotFound fault.
	Locator(ctx context.Context, orgID, id org.ID) (Locator, error)
}

// PrefixLocator is the key prefix of query locators.
const PrefixLocator = "01g"

// Batch sizes of answers (crm-wire 3.4).
const (
	DefaultBatch = 2000
	MinBatch     = 200
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
}

// Result is one batch of an answer.
type Result struct {
	Plan  *Plan
	Total int
	Rows  []Row
	Next  string // "01g…-2000", where there is more; "" at the end
}

// Run answers a query: the first batch of it.
func (r *Runner) Run(ctx context.Context, s org.Session, text string, deleted bool, batch int) (*Result, error) {
	p, err := Parse(text, r.Schema(s), s.Permissions)
	if err != nil {
		return nil, err
	}
	p.Deleted = p.Deleted || deleted
	res, err := r.batch(ctx, s, p, 0, batch)
	if err != nil || res.Next == "" {
		return res, err
	}
	l := Locator{Org: s.Org, ID: org.NewID(PrefixLocator), User: s.User, Query: text, Deleted: deleted, Created: r.Clock.Now(string(s.Org))}
	if err := r.Locators.AddLocator(ctx, l); err != nil {
		return nil, err
	}
	res.Next = string(l.ID) + "-" + res.Next
	return res, nil
}

// More goes on with a query from a Result's Next. The query is asked anew, so records that came or went meanwhile move
// the rest by their number.
func (r *Runner) More(ctx context.Context, s org.Session, next string, batch int) (*Result, error) {
	invalid := fault.New(fault.Invalid, CodeInvalidLocator, "invalid query locator")
	text, rest, _ := strings.Cut(next, "-")
	id, err := org.ParseID(text)
	from, numErr := strconv.Atoi(rest)
	if err != nil || numErr != nil || from < 1 || strconv.Itoa(from) != rest || id.Prefix() != PrefixLocator {
		return nil, invalid
	}
	l, err := r.Locators.Locator(ctx, s.Org, id)
	if fault.KindOf(err) == fault.NotFound {
		return nil, invalid
	}
	if err != nil {
		return nil, err
	}
	if l.User != s.User || r.Clock.Now(string(s.Org)).Sub(l.Created) > locatorLife {
		return nil, invalid
	}
	p, err := Parse(l.Query, r.Schema(s), s.Permissions)
	if err != nil {
		return nil, err
	}
	p.Deleted = p.Deleted || l.Deleted
	res, err := r.batch(ctx, s, p, from, batch)
	if err == nil && res.Next != "" {
		res.Next = string(id) + "-" + res.Next
	}
	return res, err
}

// batch reads rows from the given one on; Next is the number of the first row after them.
func (r *Runner) batch(ctx context.Context, s org.Session, p *Plan, from, size int) (*Result, error) {
	if size < MinBatch || size > DefaultBatch {
		size = DefaultBatch
	}
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	res := &Result{Plan: p}
	var err error
	if p.Count {
		res.Total, err = r.total(ctx, s, p)
		return res, timeout(ctx, err)
	}
	ask := size + 1 // one more tells whether there is more
	if p.Limit >= 0 {
		ask = min(ask, max(0, p.Limit-from))
	}
	if res.Rows, err = r.Source.Select(ctx, s.Org, p, p.Offset+from, ask); err != nil {
		return nil, timeout(ctx, err)
	}
	if len(res.Rows) > size {
		res.Rows, res.Next = res.Rows[:size], strconv.Itoa(from+size)
	}
	res.Total = from + len(res.Rows)
	if res.Next != "" {
		if res.Total, err = r.total(ctx, s, p); err != nil {
			return nil, timeout(ctx, err)
		}
	}
	return res, nil
}

func (r *Runner) total(ctx context.Context, s org.Session, p *Plan) (int, error) {
	n, err := r.Source.CountRows(ctx, s.Org, p)
	n = max(0, n-p.Offset)
	if p.Limit >= 0 {
		n = min(n, p.Limit)
	}
	return n, err
}

// timeout turns the end of a query's time into words for its sender.
func timeout(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Wrap(err, fault.Invalid, CodeTimeout, "Your query request was running for too long.")
	}
	return err
}
