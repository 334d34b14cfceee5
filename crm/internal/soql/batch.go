package soql

import (
	"context"
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// batchOf reads one batch of an answer.
type batchOf struct {
	runner  *Runner
	session org.Session
	plan    *Plan
	size    int
	more    bool // something of the answer is left for later
}

// rows is how many rows the batch may have.
func (b *batchOf) rows() int {
	size := b.size
	if size < MinBatch || size > DefaultBatch {
		size = DefaultBatch
	}
	if most := b.plan.Object.PageRows; most > 0 {
		size = min(size, most)
	}
	if b.plan.HasChildren() {
		size = min(size, parentBatch)
	}
	return size
}

// read reads rows from a position on; Next tells, without the locator, of the first row after them.
func (b *batchOf) read(ctx context.Context, at position) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	res := &Result{Plan: b.plan}
	var err error
	switch {
	case b.plan.Count:
		res.Total, err = b.total(ctx)
	case b.plan.Aggregate:
		err = b.readGroups(ctx, res)
	default:
		err = b.readRows(ctx, res, at)
	}
	if err != nil {
		return nil, timeout(ctx, err)
	}
	return res, nil
}

func (b *batchOf) source() Source { return b.runner.Source }

func (b *batchOf) selectRows(ctx context.Context, offset, limit int) ([]Row, error) {
	var out []Row
	err := b.source().Select(ctx, b.session.Org, b.plan, offset, limit, func(row Row) error {
		b.plan.mark(b.session, row)
		out = append(out, row)
		return nil
	})
	return out, err
}

func (b *batchOf) readRows(ctx context.Context, res *Result, at position) error {
	size, from, offset := b.rows(), at.from, b.plan.Offset+at.from
	if at.after != "" && len(b.plan.Order) == 0 {
		b.plan.After, offset = at.after, 0
	}
	ask := size + 1 // one more tells whether there is more
	if b.plan.Limit >= 0 {
		ask = min(ask, max(0, b.plan.Limit-from))
	}
	var err error
	if res.Rows, err = b.selectRows(ctx, offset, ask); err != nil {
		return err
	}
	if b.more = len(res.Rows) > size; b.more {
		res.Rows, res.Next = res.Rows[:size], strconv.Itoa(from+size)
		if len(b.plan.Order) == 0 {
			res.Next += "-" + string(res.Rows[size-1].IDs[0])
		}
	}
	switch {
	case at.total > 0:
		res.Total = at.total
	case !b.more:
		res.Total = from + len(res.Rows)
	default:
		if res.Total, err = b.total(ctx); err != nil {
			return err
		}
	}
	return b.fillChildren(ctx, res.Rows)
}

// readGroups reads all groups: they fit into one batch, or are refused.
func (b *batchOf) readGroups(ctx context.Context, res *Result) (err error) {
	if res.Rows, err = b.selectRows(ctx, b.plan.Offset, b.plan.cap(DefaultBatch+1)); err != nil {
		return err
	}
	if res.Total = len(res.Rows); res.Total > DefaultBatch {
		return fault.New(fault.Invalid, CodeTooManyGroups,
			"Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch")
	}
	return nil
}

func (b *batchOf) total(ctx context.Context) (int, error) {
	n, err := b.source().CountRows(ctx, b.session.Org, b.plan)
	return b.plan.cap(max(0, n-b.plan.Offset)), err
}

// fillChildren answers the child queries for the rows.
func (b *batchOf) fillChildren(ctx context.Context, rows []Row) error {
	if len(rows) == 0 || !b.plan.HasChildren() {
		return nil
	}
	limit := min(max(childrenBatch/len(rows), minChildren), DefaultBatch)
	for i, c := range b.plan.Columns {
		if c.Child == nil {
			continue
		}
		for start := 0; start < len(rows); start += childrenAtATime {
			part := rows[start:min(start+childrenAtATime, len(rows))]
			parents := make([]org.ID, len(part))
			for j, row := range part {
				parents[j] = row.IDs[0]
			}
			found, err := b.source().SelectChildren(ctx, b.session.Org, c.Child, parents, 0, limit)
			if err != nil {
				return err
			}
			for _, row := range part {
				kids := found[row.IDs[0]]
				b.page(kids, position{from: limit, column: i, parent: row.IDs[0]})
				row.Values[i] = kids
			}
		}
	}
	return nil
}

// page says where the rest of the children is to be had, if they are more.
func (b *batchOf) page(kids *Children, next position) {
	if kids != nil && kids.Total > next.from {
		kids.Next = strconv.Itoa(next.from) + "-" + strconv.Itoa(next.column) + "-" + string(next.parent)
		b.more = true
	}
}

// readChildren goes on with the child query of one parent.
func (b *batchOf) readChildren(ctx context.Context, at position) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	p := b.plan.Columns[at.column].Child
	size := (&batchOf{plan: p, size: b.size}).rows()
	found, err := b.source().SelectChildren(ctx, b.session.Org, p, []org.ID{at.parent}, at.from, size)
	if err != nil {
		return nil, timeout(ctx, err)
	}
	kids := found[at.parent]
	if kids == nil {
		return nil, fault.New(fault.Invalid, CodeInvalidLocator, "invalid query locator")
	}
	b.page(kids, position{from: at.from + size, column: at.column, parent: at.parent})
	return &Result{Plan: p, Total: kids.Total, Rows: kids.Rows, Next: kids.Next}, nil
}
