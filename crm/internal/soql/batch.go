package soql

import (
	"context"
	"errors"
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
	size = min(size, b.plan.widest())
	if most := b.plan.Object.PageRows; most > 0 {
		size = min(size, most)
	}
	if b.plan.HasChildren() {
		size = min(size, parentBatch)
	}
	return size
}

// bytes is what the batch's rows may have, and each of its child queries' as much again: all together MaxBytes.
func (b *batchOf) bytes() int {
	n := MaxBytes
	if b.runner.Budget != nil {
		n = min(n, b.runner.Budget.Left())
	}
	if b.plan.HasChildren() {
		n /= 2
	}
	return n
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
	b.bill(res)
	return res, nil
}

// bill takes an answer off what it has together with others.
func (b *batchOf) bill(res *Result) {
	if budget := b.runner.Budget; budget != nil {
		budget.Take(min(res.weigh(), budget.Left()))
	}
}

func (b *batchOf) source() Source { return b.runner.Source }

// errFull ends the reading of rows that have no room in the batch.
var errFull = errors.New("the batch is full")

// selectRows reads rows; cut says that there are more, for which there was no room. There is room for one row always.
func (b *batchOf) selectRows(ctx context.Context, offset, limit int) (out []Row, cut bool, err error) {
	room := b.bytes()
	err = b.source().Select(ctx, b.session.Org, b.plan, offset, limit, func(row Row) error {
		if room -= b.plan.weigh(row); room < 0 && len(out) > 0 {
			return errFull
		}
		b.plan.mark(b.session, row)
		out = append(out, row)
		return nil
	})
	if errors.Is(err, errFull) {
		return out, true, nil
	}
	return out, false, err
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
	rows, cut, err := b.selectRows(ctx, offset, ask)
	if err != nil {
		return err
	}
	if len(rows) > size {
		rows, cut = rows[:size], true
	}
	filled, err := b.fillChildren(ctx, rows)
	if err != nil {
		return err
	}
	if filled < len(rows) {
		rows, cut = rows[:filled], true
	}
	if res.Rows = rows; cut {
		b.more, res.Next = true, strconv.Itoa(from+len(rows))
		if len(b.plan.Order) == 0 {
			res.Next += "-" + string(rows[len(rows)-1].IDs[0])
		}
	}
	switch {
	case at.total > 0:
		res.Total = at.total
	case !cut:
		res.Total = from + len(rows)
	default:
		res.Total, err = b.total(ctx)
	}
	return err
}

// readGroups reads all groups: they fit into one batch, or are refused.
func (b *batchOf) readGroups(ctx context.Context, res *Result) error {
	rows, cut, err := b.selectRows(ctx, b.plan.Offset, b.plan.cap(DefaultBatch+1))
	if err != nil {
		return err
	}
	if cut || len(rows) > DefaultBatch {
		return fault.New(fault.Invalid, CodeTooManyGroups,
			"Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch")
	}
	res.Rows, res.Total = rows, len(rows)
	return nil
}

func (b *batchOf) total(ctx context.Context) (int, error) {
	n, err := b.source().CountRows(ctx, b.session.Org, b.plan)
	return b.plan.cap(max(0, n-b.plan.Offset)), err
}

// fillChildren answers the child queries for the rows, as far as there is room: for how many of the first rows, which is
// one at least.
func (b *batchOf) fillChildren(ctx context.Context, rows []Row) (int, error) {
	if len(rows) == 0 || !b.plan.HasChildren() {
		return len(rows), nil
	}
	for n := len(rows); ; n = max(1, n/4) {
		if filled, err := b.fillThese(ctx, rows[:n]); err != nil || filled > 0 {
			return filled, err
		}
	}
}

// fillThese is fillChildren, but it may fill none, unless there is one row only.
func (b *batchOf) fillThese(ctx context.Context, rows []Row) (int, error) {
	limit := min(max(childrenBatch/len(rows), minChildren), DefaultBatch)
	room := b.bytes()
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
			found, cut, err := b.selectChildren(ctx, c.Child, parents, 0, limit, &room)
			if err != nil {
				return 0, err
			}
			for j, row := range part {
				kids := found[row.IDs[0]]
				if kids == nil && cut { // not read, unless it has none
					rows = rows[:start+j]
					break
				}
				row.Values[i] = kids
			}
		}
	}
	for _, row := range rows {
		for i, c := range b.plan.Columns {
			if c.Child != nil {
				kids, _ := row.Values[i].(*Children)
				b.page(kids, 0, position{column: i, parent: row.IDs[0]})
			}
		}
	}
	return len(rows), nil
}

// selectChildren reads children of the parents; cut says that it ended where there was no more room. For a single parent
// there is room for one always.
func (b *batchOf) selectChildren(ctx context.Context, p *Plan, parents []org.ID, offset, limit int, room *int) (found map[org.ID]*Children, cut bool, err error) {
	found = map[org.ID]*Children{}
	err = b.source().SelectChildren(ctx, b.session.Org, p, parents, offset, min(limit, p.widest()), func(parent org.ID, total int, row Row) error {
		if *room -= p.weigh(row); *room < 0 && (len(parents) > 1 || len(found) > 0) {
			return errFull
		}
		p.mark(b.session, row)
		kids := found[parent]
		if kids == nil {
			kids = &Children{Total: total}
			found[parent] = kids
		}
		kids.Rows = append(kids.Rows, row)
		return nil
	})
	if errors.Is(err, errFull) {
		return found, true, nil
	}
	return found, false, err
}

// page says where the rest of the children is to be had, if there are more than those up to here. next lacks the number.
func (b *batchOf) page(kids *Children, from int, next position) {
	if kids == nil {
		return
	}
	if from += len(kids.Rows); kids.Total > from {
		kids.Next = strconv.Itoa(from) + "-" + strconv.Itoa(next.column) + "-" + string(next.parent)
		b.more = true
	}
}

// readChildren goes on with the child query of one parent.
func (b *batchOf) readChildren(ctx context.Context, at position) (*Result, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	p := b.plan.Columns[at.column].Child
	kidsOf := &batchOf{runner: b.runner, session: b.session, plan: p, size: b.size}
	room := kidsOf.bytes()
	found, _, err := kidsOf.selectChildren(ctx, p, []org.ID{at.parent}, at.from, kidsOf.rows(), &room)
	if err != nil {
		return nil, timeout(ctx, err)
	}
	kids := found[at.parent]
	if kids == nil {
		return nil, fault.New(fault.Invalid, CodeInvalidLocator, "invalid query locator")
	}
	b.page(kids, at.from, position{column: at.column, parent: at.parent})
	res := &Result{Plan: p, Total: kids.Total, Rows: kids.Rows, Next: kids.Next}
	b.bill(res)
	return res, nil
}
