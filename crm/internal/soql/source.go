package soql

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// Row is one record of an answer, or one group.
type Row struct {
	// IDs are of the root, then of the parent of each join; "" where there is none. A group has none at all.
	IDs []org.ID
	// Values has one for each column, as in org.Values, or a float64, or *Children for a child query.
	Values []any
}

// Children are the answer of a child query for one parent. A nil one has no records.
type Children struct {
	Total int
	Rows  []Row
	Next  string // as a Result's
}

// Source answers plans, confined to one org.
type Source interface {
	// Select hands over at most limit rows of what the plan selects, after skipping offset of them, in an order that does
	// not change between calls. The plan's own limit and offset are the caller's business, and so are its child queries:
	// their values are nil.
	Select(ctx context.Context, orgID org.ID, p *Plan, offset, limit int, each func(Row) error) error
	// CountRows counts what the plan selects without its limit and offset.
	CountRows(ctx context.Context, orgID org.ID, p *Plan) (int, error)
	// SelectChildren answers a child query for each of the parents, at most 1000: after skipping offset of a parent's
	// rows, it hands over at most limit of them, those of one parent together and in order. total is how many the parent
	// has in all, as far as the plan's limit and offset leave them.
	SelectChildren(ctx context.Context, orgID org.ID, p *Plan, parents []org.ID, offset, limit int, each func(parent org.ID, total int, row Row) error) error
	// Home is the time zone (an IANA name) and the locale ("de_DE") of a user.
	Home(ctx context.Context, orgID, user org.ID) (zone, locale string, err error)
}

// Locator keeps a query whose answer is fetched in batches.
type Locator struct {
	Org     org.ID
	ID      org.ID // prefix 01g
	User    org.ID // nobody else may go on with it
	Query   string
	Deleted bool
	Created time.Time // domain time, which date literals of later batches go by too
	Total   int       // of the Result
}

// LocatorStore keeps locators. It may forget those of a user beyond the ten youngest.
type LocatorStore interface {
	AddLocator(ctx context.Context, l Locator) error
	// Locator reads one; a missing one is a NotFound fault.
	Locator(ctx context.Context, orgID, id org.ID) (Locator, error)
}

// PrefixLocator is the key prefix of query locators.
const PrefixLocator = "01g"
