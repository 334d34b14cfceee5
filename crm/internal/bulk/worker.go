package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Store is what the API and its workers keep jobs in.
type Store interface {
	org.BulkStore
	Progress
}

// Progress is what workers write.
type Progress interface {
	// Step does one step of a job in progress in one transaction, with what the queue knows of it; fn may run twice. A
	// job that is in progress no more is a fault with org.CodeBulkState.
	Step(ctx context.Context, run *jobs.Run, j org.BulkJob, fn func(org.RecordStore) (org.BulkStep, error)) (org.BulkStep, error)
	// Restart forgets the answer that an earlier attempt at a query began.
	Restart(ctx context.Context, run *jobs.Run, j org.BulkJob) error
	// EndBulkJob ends a job in progress, with a message or "", unless it has ended. Who has lost it to another worker does
	// not, and gets jobs.ErrLeaseLost.
	EndBulkJob(ctx context.Context, run *jobs.Run, j org.BulkJob, at time.Time, to org.BulkState, text string) error
	// PageOf finds the page of a query's answer that holds a row.
	PageOf(ctx context.Context, j org.BulkJob, row int64) (org.BulkPage, error)
}

// Bounds of one step: a transaction has at most some 200 rows (DESIGN 5.5).
const (
	stepRows  = 200
	stepBytes = 512 << 10
	pageRows  = 2000 // of a query's answer, of which nothing else is written
	// spendRows is how many rows of a load are one batch of the daily allowance (crm-wire 4.4).
	spendRows = 10_000
	// lastAttempt is when a job that keeps failing for reasons of ours is given up.
	lastAttempt = 6
)

// Worker works on jobs.
type Worker struct{ Options }

// Run is the queue's handler.
func (w *Worker) Run(ctx context.Context, run *jobs.Run) error {
	var p struct {
		Org org.ID `json:"org"`
		ID  org.ID `json:"id"`
	}
	if err := json.Unmarshal(run.Payload, &p); err != nil {
		return jobs.Permanent(err)
	}
	err := w.work(ctx, run, p.Org, p.ID)
	var bad *badCSV
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, jobs.ErrLeaseLost):
		return err
	case fault.CodeOf(err) == org.CodeBulkState, fault.KindOf(err) == fault.NotFound:
		return nil // aborted, or deleted, meanwhile
	case errors.As(err, &bad):
		return w.fail(ctx, run, p.Org, p.ID, bad.text)
	case fault.KindOf(err) != fault.Internal && fault.KindOf(err) != fault.Unavailable:
		code, message, _ := w.Edge.PerRecord(err)
		return w.fail(ctx, run, p.Org, p.ID, code+" : "+message)
	case run.Attempt >= lastAttempt:
		w.Log.ErrorContext(ctx, "a bulk job is given up", "org", p.Org, "job", p.ID, "error", err)
		return w.fail(ctx, run, p.Org, p.ID, "InternalServerError : An unexpected error occurred.")
	}
	return err
}

func (w *Worker) now(orgID org.ID) time.Time { return w.Clock.Now(string(orgID)) }

func (w *Worker) fail(ctx context.Context, run *jobs.Run, orgID, id org.ID, text string) error {
	return w.Store.EndBulkJob(ctx, run, org.BulkJob{Org: orgID, ID: id}, w.now(orgID), org.BulkFailed, text)
}

// session is the job's, with its user's rights as of now.
func (w *Worker) session(ctx context.Context, j org.BulkJob) (org.Session, error) {
	s, err := w.Session(ctx, j)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return s, &badCSV{"InvalidUser : the user of the job may not use the API any more."}
	}
	return s, err
}

func (w *Worker) work(ctx context.Context, run *jobs.Run, orgID, id org.ID) error {
	j, err := w.Store.MoveBulkJob(ctx, orgID, id, w.now(orgID), org.BulkInProgress, org.BulkUploadComplete, org.BulkInProgress)
	if err != nil {
		return err
	}
	session, err := w.session(ctx, j)
	if err != nil {
		return err
	}
	if j.Kind == org.BulkQuery {
		err = w.query(ctx, run, session, j)
	} else {
		err = w.load(ctx, run, session, j)
	}
	if err != nil {
		return err
	}
	return w.Store.EndBulkJob(ctx, run, j, w.now(orgID), org.BulkJobComplete, "")
}

// load brings the rows of an upload in, from the first one that was not processed.
func (w *Worker) load(ctx context.Context, run *jobs.Run, session org.Session, j org.BulkJob) error {
	in := newReader(&content{ctx: ctx, store: w.Store, job: j}, j.Delimiter, j.CRLF, 0)
	in.skipMark()
	header, err := in.next()
	if errors.Is(err, io.EOF) {
		if j.Uploaded && j.Size > 0 {
			return malformed("the upload has no header")
		}
		return nil // nothing was uploaded
	}
	if err != nil {
		return err
	}
	l := &loading{Worker: w, run: run, session: session, job: j}
	if l.columns, l.parents, err = w.columns(session, j, header); err != nil {
		return err
	}
	if j.Next == 0 {
		if err := l.begin(ctx, header, in.at); err != nil {
			return err
		}
	} else {
		in = newReader(&content{ctx: ctx, store: w.Store, job: j, at: j.Next}, j.Delimiter, j.CRLF, j.Next)
	}
	for {
		more, err := l.step(ctx, in)
		if err != nil || !more {
			return err
		}
	}
}

// unseen ends a job whose object its user no longer sees, or that is gone: it is not the job that was not found.
func unseen(err error, j org.BulkJob) error {
	if fault.KindOf(err) == fault.NotFound {
		return &badCSV{"InvalidEntity : Entity '" + j.Object + "' is not supported by the Bulk API."}
	}
	return err
}

// columns finds the fields that the header names. A column "Account.Ext__c" finds a parent, which parents has by the
// column's number.
func (w *Worker) columns(session org.Session, j org.BulkJob, header []string) (names []string, parents map[int]org.Parent, err error) {
	o, err := w.Records.Object(session, j.Object)
	if err != nil {
		return nil, nil, unseen(err, j)
	}
	names, parents = make([]string, len(header)), map[int]org.Parent{}
	seen := map[string]bool{}
	for i, text := range header {
		name := ""
		if f := o.Field(strings.TrimSpace(text)); f != nil {
			name, names[i] = f.Name, f.Name
		} else if p, ok := parentColumn(w.Records.Schema(session), o, strings.TrimSpace(text)); ok {
			name, names[i], parents[i] = p.Reference, p.Reference, p
		} else {
			return nil, nil, &badCSV{"InvalidBatch : Field name not found : " + text}
		}
		if seen[name] {
			return nil, nil, &badCSV{"InvalidBatch : Field name comes twice : " + name}
		}
		seen[name] = true
	}
	deletes := j.Operation == "delete" || j.Operation == "hardDelete"
	switch {
	case (j.Operation == "update" || deletes) && !seen["Id"]:
		return nil, nil, &badCSV{"InvalidBatch : Field name not found : Id"}
	case deletes && len(names) > 1:
		return nil, nil, &badCSV{"InvalidBatch : Only the column Id is for the operation " + j.Operation}
	case j.Operation == "upsert" && !seen[j.ExternalID]:
		return nil, nil, &badCSV{"InvalidBatch : Field name not found : " + j.ExternalID}
	}
	return names, parents, nil
}

// parentColumn reads "Account.Ext__c", or "Contact:Who.Ext__c" where the reference may name several objects: the parent
// is the record whose field has the row's value.
func parentColumn(schema *org.Schema, o *org.Object, text string) (org.Parent, bool) {
	before, field, dotted := strings.Cut(text, ".")
	object, relationship, typed := strings.Cut(before, ":")
	if !typed {
		object, relationship = "", before
	}
	f := o.Parent(relationship)
	if !dotted || f == nil {
		return org.Parent{}, false
	}
	return schema.ParentBy(f, object, field)
}

// loading is a load under way.
type loading struct {
	*Worker
	run     *jobs.Run
	session org.Session
	job     org.BulkJob
	columns []string // API names
	parents map[int]org.Parent
}

// begin keeps the headers of the results.
func (l *loading) begin(ctx context.Context, header []string, next int64) error {
	st := org.BulkStep{Next: next}
	for _, failed := range []bool{false, true} {
		out := l.writer()
		resultHeader(out, failed, header)
		st.Pages = append(st.Pages, org.BulkPage{Failed: failed, Seq: org.BulkHeader, Data: out.out})
	}
	_, err := l.Store.Step(ctx, l.run, l.job, func(org.RecordStore) (org.BulkStep, error) { return st, nil })
	return err
}

// step brings some rows in, with their results, all in one transaction.
func (l *loading) step(ctx context.Context, in *reader) (more bool, err error) {
	begun := time.Now()
	// What failed is kept with all columns of the header, and so may be far longer than the upload.
	if err := l.room(ctx, l.job.Org); err != nil {
		return false, err
	}
	first, next := in.at, in.at
	var rows [][]string
	var broken error
	for len(rows) < stepRows && in.at-first < stepBytes {
		next = in.at
		row, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad := (*badCSV)(nil); errors.As(err, &bad) {
			broken = err // the rows before it count
			break
		}
		if err != nil {
			return false, err
		}
		rows = append(rows, append([]string{}, row...))
	}
	if len(rows) == 0 {
		return false, broken
	}
	if broken == nil {
		next = in.at
	}
	j := &l.job
	if l.session, err = l.Worker.session(ctx, *j); err != nil {
		return false, err
	}
	spent, done := j.Spent, j.Processed
	for need := (done + int64(len(rows)) + spendRows - 1) / spendRows; spent < need; spent++ {
		if _, err := l.Meter.Spend(ctx, l.session, org.AllowanceBulkBatches, 1); err != nil {
			if fault.CodeOf(err) == org.CodeRequestLimit {
				return false, &badCSV{"ExceededQuota : " + fault.Of(quota(err)).Message}
			}
			return false, err
		}
	}
	if _, err := l.Meter.Spend(ctx, l.session, org.AllowanceBulkRows, int64(len(rows))); err != nil {
		if fault.CodeOf(err) == org.CodeRequestLimit {
			return false, &badCSV{"ExceededQuota : " + fault.Of(quota(err)).Message}
		}
		return false, err
	}
	ops := make([]org.Op, len(rows))
	for i, row := range rows {
		ops[i] = l.op(row)
	}
	var bound *org.BoundRecords
	step, err := l.Store.Step(ctx, l.run, *j, func(tx org.RecordStore) (org.BulkStep, error) {
		bound = l.Records.Within(tx)
		outcomes, err := bound.Batch(ctx, l.session, ops, false)
		if err != nil {
			return org.BulkStep{}, err
		}
		return org.BulkStep{Next: next, Spent: spent, Pages: l.pages(rows, outcomes, first), Millis: time.Since(begun).Milliseconds()}, nil
	})
	if err != nil {
		return false, err
	}
	bound.Tell()
	j.Next, j.Spent, j.Processed = step.Next, spent, done+int64(len(rows))
	return true, broken
}

// op is the change that a row asks for.
func (l *loading) op(row []string) org.Op {
	op := org.Op{Object: l.job.Object}
	if len(row) != len(l.columns) {
		op.Err = fault.New(fault.Invalid, org.CodeBulkInvalidJob, "The row has %d columns and the header %d.", len(row), len(l.columns))
		return op
	}
	op.Values = map[string]any{}
	for i, value := range row {
		name := l.columns[i]
		if p, ok := l.parents[i]; ok && value != "" && value != "#N/A" {
			p.Value = value
			op.Parents = append(op.Parents, p)
			continue
		}
		switch {
		case name == "Id" && l.job.Operation != "insert":
			op.ID = value
		case value == "": // leaves the field as it is
		case value == "#N/A":
			op.Values[name] = nil
		default:
			op.Values[name] = value
		}
	}
	switch l.job.Operation {
	case "insert":
		op.Action = org.ActionCreate
	case "update":
		op.Action = org.ActionUpdate
	case "delete":
		op.Action, op.Values = org.ActionDelete, nil
	case "hardDelete":
		op.Action, op.Values = org.ActionHardDelete, nil
	default:
		return l.upsert(op)
	}
	if op.Action != org.ActionCreate && op.ID == "" {
		op.Err = fault.New(fault.Invalid, org.CodeMissingArgument, "Id not specified in an update call").In("Id")
	}
	return op
}

// upsert finds the record by the job's field; by Id, a row that names none makes one.
func (l *loading) upsert(op org.Op) org.Op {
	if l.job.ExternalID != "Id" {
		op.Action, op.Field = org.ActionUpsert, l.job.ExternalID
		op.Value, _ = op.Values[op.Field].(string)
		return op
	}
	op.Action = org.ActionUpdate
	if op.ID == "" {
		op.Action = org.ActionCreate
	}
	return op
}

// pages write what became of the rows (crm-wire 4.1).
func (l *loading) pages(rows [][]string, outcomes []org.Outcome, seq int64) []org.BulkPage {
	ok, bad := l.writer(), l.writer()
	pages := []org.BulkPage{{Seq: seq}, {Failed: true, Seq: seq}}
	for i, row := range rows {
		w := ok
		if err := outcomes[i].Err; err == nil {
			pages[0].Rows++
			w.value(string(outcomes[i].ID))
			w.value(strconv.FormatBool(outcomes[i].Created))
		} else {
			w = bad
			pages[1].Rows++
			w.value(l.idIn(row))
			w.value(l.refusal(err, row))
		}
		for k := range l.columns { // a row of another length keeps to the header too
			v := ""
			if k < len(row) {
				v = row[k]
			}
			w.value(v)
		}
		w.end()
	}
	pages[0].Data, pages[1].Data = ok.out, bad.out
	return pages
}

// idIn is the record id that a row names; "" where it names none.
func (l *loading) idIn(row []string) string {
	for i, name := range l.columns {
		if name == "Id" && i < len(row) {
			return row[i]
		}
	}
	return ""
}

func (l *loading) writer() *writer { return &writer{delimiter: l.job.Delimiter, crlf: l.job.CRLF} }

// refusal is a failed row's sf__Error, "CODE:message:FIELDS --". A value of the wrong type has words of its own here,
// where no JSON was sent.
func (l *loading) refusal(err error, row []string) string {
	code, message, fields := l.Edge.PerRecord(err)
	if fault.CodeOf(err) == org.CodeWrongJSONType {
		i := slices.Index(l.columns, fault.Of(err).Field)
		o := l.session.Schema().Named(l.job.Object)
		if f := o.Field(fault.Of(err).Field); f != nil && i >= 0 && i < len(row) {
			code, message = "INVALID_TYPE_ON_FIELD_IN_RECORD", fmt.Sprintf("%s: value not of required type: %.40s", f.Label, row[i])
		}
	}
	text := code + ":" + message + ":"
	if len(fields) > 0 {
		text += strings.Join(fields, ", ") + " "
	}
	return text + "--"
}

// query keeps the answer of a query, page by page. An attempt begins anew: rows may have changed since the last one.
func (w *Worker) query(ctx context.Context, run *jobs.Run, session org.Session, j org.BulkJob) error {
	if err := w.Store.Restart(ctx, run, j); err != nil {
		return err
	}
	q := &answering{Worker: w, run: run, job: j, begun: time.Now(), out: &writer{delimiter: j.Delimiter, crlf: j.CRLF}}
	p, err := w.Queries.Plan(ctx, session, j.Query, j.Created)
	if err != nil {
		return unseen(err, j)
	}
	for _, c := range p.Columns {
		q.out.value(strings.Join(c.Path, "."))
	}
	q.out.end()
	if err := q.keep(ctx, org.BulkHeader); err != nil {
		return err
	}
	err = w.Queries.Each(ctx, session, j.Query, j.Operation == "queryAll", func(_ *soql.Plan, row soql.Row) error {
		for _, v := range row.Values {
			q.out.value(cell(v))
		}
		q.out.end()
		q.rows++
		if q.rows == pageRows || len(q.out.out) >= stepBytes {
			return q.keep(ctx, q.done)
		}
		return nil
	})
	if err != nil || q.rows == 0 {
		return err
	}
	return q.keep(ctx, q.done)
}

// answering is a query under way.
type answering struct {
	*Worker
	run   *jobs.Run
	job   org.BulkJob
	begun time.Time
	out   *writer
	done  int64 // rows that are kept
	rows  int64 // rows in out
}

func (q *answering) keep(ctx context.Context, seq int64) error {
	if _, err := q.session(ctx, q.job); err != nil {
		return err
	}
	if err := q.room(ctx, q.job.Org); err != nil {
		if fault.CodeOf(err) == org.CodeBulkQuota {
			err = &badCSV{"ExceededQuota : " + fault.Of(err).Message}
		}
		return err
	}
	page := org.BulkPage{Seq: seq, Rows: q.rows, Data: q.out.out}
	took := time.Since(q.begun).Milliseconds()
	_, err := q.Store.Step(ctx, q.run, q.job, func(org.RecordStore) (org.BulkStep, error) {
		return org.BulkStep{Pages: []org.BulkPage{page}, Millis: took}, nil
	})
	q.begun, q.done, q.rows, q.out.out = time.Now(), q.done+q.rows, 0, q.out.out[:0]
	return err
}

// cell writes a value as the Bulk API does: times end in Z.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000Z")
	case float64:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	}
	return fmt.Sprint(v)
}
