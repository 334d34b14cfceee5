package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// MaxWriteRows bounds the rows of one request.
const MaxWriteRows = 2000

// rowBatch is how many rows one transaction writes, at two statements each (DESIGN 5.5).
const rowBatch = 100

// Codes of the faults that rows raise.
const (
	// CodeInvalidRow: values that the data extension does not take. The error holds [RowProblems].
	CodeInvalidRow fault.Code = "invalid_row"
	// CodeRowExists: another row has the primary key.
	CodeRowExists fault.Code = "row_exists"
	// CodeNoRow: no row has the primary key.
	CodeNoRow fault.Code = "no_row"
	// CodeTooManyRows: the data extension, or the request, is full.
	CodeTooManyRows fault.Code = "too_many_rows"
)

// RowMode is what writing a row does.
type RowMode string

// The modes.
const (
	RowInsert RowMode = "insert" // a new row; one that is there is refused
	RowUpdate RowMode = "update" // the named values of a row that is there
	RowUpsert RowMode = "upsert" // either
	RowDelete RowMode = "delete"
)

// RowInput is a row as a caller writes it: values by the name of their field, in any case; nil for no value.
type RowInput map[string]*string

// DataRow is a row as it is kept: values in normal form by the slot of their field. Fields without a value are missing.
type DataRow struct {
	Key    string
	Values map[int64]string
}

// RowOp is one checked operation on a row.
type RowOp struct {
	Mode RowMode
	Key  string
	// Set are values to store, and Clear the fields to leave without one.
	Set   map[int64]string
	Clear []int64
	// Defaults are what a new row has besides.
	Defaults map[int64]string
	// NotNew is why the values do not make a new row, nil where they do.
	NotNew error
}

// RowProblem is one thing that is wrong with a row.
type RowProblem struct {
	Field   string
	Key     bool // whether the field is of the primary key, or names one
	Message string
}

// RowProblems is all that is wrong with a row.
type RowProblems []RowProblem

// Error joins the messages.
func (r RowProblems) Error() string {
	list := make([]string, len(r))
	for i, p := range r {
		list[i] = p.Field + ": " + p.Message
	}
	return strings.Join(list, "; ")
}

func (r RowProblems) fault() error {
	if len(r) == 0 {
		return nil
	}
	return fault.Wrap(r, fault.Invalid, CodeInvalidRow, "%s", r[0].Message).In(r[0].Field)
}

// Problems are what is wrong with a row by the error about it; for other refusals their message alone.
func Problems(err error) RowProblems {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[RowProblems](err); ok {
		return r
	}
	f := fault.Of(err)
	return RowProblems{{Field: f.Field, Key: f.Code == CodeRowExists || f.Code == CodeNoRow, Message: f.Message}}
}

// WriteRows writes rows in order. The refusals have a place for each row, nil where it was written. Where all is set,
// nothing is written when the values of any row are wrong.
func (s *DataExtensions) WriteRows(ctx context.Context, p Principal, ref ExtensionRef, mode RowMode, rows []RowInput, all bool) (DataExtension, []error, error) {
	if err := mayWrite(p, ScopeDataExtensionsWrite); err != nil {
		return DataExtension{}, nil, err
	}
	if len(rows) == 0 || len(rows) > MaxWriteRows {
		return DataExtension{}, nil, fault.New(fault.Invalid, CodeTooManyRows, "A request writes 1 to %d rows.", MaxWriteRows)
	}
	d, err := s.Store.Extension(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return d, nil, err
	}
	refusals := make([]error, len(rows))
	if all {
		if _, wrong := s.operations(d, mode, rows, refusals); wrong {
			return d, refusals, nil
		}
	}
	for from := 0; from < len(rows); from += rowBatch {
		to := min(from+rowBatch, len(rows))
		if d, err = s.writeBatch(ctx, d, mode, rows[from:to], refusals[from:to], nil); err != nil {
			return d, refusals, err
		}
	}
	return d, refusals, nil
}

// batchTries is how often a batch is checked anew because the data extension's fields changed meanwhile.
const batchTries = 4

// writeBatch checks some rows and writes those that are right, in one transaction.
func (s *DataExtensions) writeBatch(ctx context.Context, d DataExtension, mode RowMode, rows []RowInput, refusals []error, load *LoadProgress) (DataExtension, error) {
	for try := 1; ; try++ {
		clear(refusals)
		ops, _ := s.operations(d, mode, rows, refusals)
		if load != nil {
			load.Failures = nil
		}
		err := s.writeChecked(ctx, d, ops, refusals, load)
		if fault.CodeOf(err) != CodeChangedMeanwhile || try == batchTries {
			return d, err
		}
		fresh, err := s.Store.Extension(ctx, d.Tenant, d.MID, ExtensionRef{ID: d.ID})
		if err != nil {
			return d, err
		}
		d = fresh
	}
}

// writeChecked writes the operations that have no refusal yet.
func (s *DataExtensions) writeChecked(ctx context.Context, d DataExtension, ops []RowOp, refusals []error, load *LoadProgress) error {
	var run []RowOp
	var places []int
	for i, op := range ops {
		if refusals[i] == nil {
			run, places = append(run, op), append(places, i)
		}
	}
	if load != nil {
		load.refused(refusals, places)
	}
	if len(run) == 0 && load == nil {
		return nil
	}
	results, err := s.Store.WriteRows(ctx, d, run, load, s.Now(d.Tenant))
	if err != nil {
		return err
	}
	for i, place := range places {
		refusals[place] = results[i]
	}
	return nil
}

// operations checks rows; wrong says whether any is.
func (s *DataExtensions) operations(d DataExtension, mode RowMode, rows []RowInput, refusals []error) (ops []RowOp, wrong bool) {
	ops = make([]RowOp, len(rows))
	for i, row := range rows {
		ops[i], refusals[i] = s.operation(d, mode, row)
		wrong = wrong || refusals[i] != nil
	}
	return ops, wrong
}

// operation checks one row against the fields.
func (s *DataExtensions) operation(d DataExtension, mode RowMode, in RowInput) (RowOp, error) {
	op := RowOp{Mode: mode, Set: map[int64]string{}}
	var problems RowProblems
	problem := func(name string, key bool, format string, args ...any) {
		problems = append(problems, RowProblem{Field: clip(name), Key: key, Message: fmt.Sprintf(format, args...)})
	}
	names := make([]string, 0, len(in))
	for name := range in {
		names = append(names, name)
	}
	sort.Strings(names)
	seen := map[int64]bool{}
	for _, name := range names {
		f, ok := d.Field(name)
		if !ok || seen[f.Slot] {
			problem(name, false, "The column [%s] is not one of the data extension's, or is there twice.", clip(name))
			continue
		}
		seen[f.Slot] = true
		value := in[name]
		if value == nil || *value == "" && f.Type != FieldText {
			op.Clear = append(op.Clear, f.Slot)
			if f.Required && mode != RowDelete {
				problem(f.Name, f.PrimaryKey, "The column [%s] needs a value.", f.Name)
			}
			continue
		}
		normal, err := f.normal(*value)
		if err != nil || f.PrimaryKey && normal == "" {
			why := "is missing"
			if err != nil {
				why = err.Error()
			}
			problem(f.Name, f.PrimaryKey, "The value for column [%s] %s", f.Name, why)
			continue
		}
		op.Set[f.Slot] = normal
	}
	key := d.PrimaryKey()
	for _, f := range key {
		if _, ok := op.Set[f.Slot]; !ok && !seen[f.Slot] {
			problem(f.Name, true, "The column [%s] is part of the primary key and has no value.", f.Name)
		}
	}
	switch {
	case len(key) > 0:
		op.Key = rowKey(key, op.Set)
	case mode == RowInsert:
		op.Key = fmt.Sprintf("%016x", s.Serials.Next())
	default:
		problem("", true, "The data extension has no primary key: its rows can be inserted and nothing else.")
	}
	if size := rowBytes(op.Set); size > MaxDataRowBytes {
		problem("", false, "The row has %d bytes, which is more than %d.", size, MaxDataRowBytes)
	}
	if len(problems) > 0 {
		return op, problems.fault()
	}
	return s.asNew(d, op, seen)
}

// asNew adds what the row would have as a new one.
func (s *DataExtensions) asNew(d DataExtension, op RowOp, seen map[int64]bool) (RowOp, error) {
	if op.Mode != RowInsert && op.Mode != RowUpsert {
		return op, nil
	}
	op.Defaults = map[int64]string{}
	var missing RowProblems
	for _, f := range d.Fields {
		if seen[f.Slot] {
			continue
		}
		switch {
		case f.Default != "" && f.Type == FieldDate && isNow(f.Default):
			op.Defaults[f.Slot] = s.Now(d.Tenant).UTC().Format(dataTime)
		case f.Default != "":
			normal, err := f.normal(f.Default)
			if err != nil {
				return op, err // checked when it was stored
			}
			op.Defaults[f.Slot] = normal
		case f.Required:
			missing = append(missing, RowProblem{Field: f.Name, Key: f.PrimaryKey, Message: fmt.Sprintf("The column [%s] needs a value.", f.Name)})
		}
	}
	op.NotNew = missing.fault()
	if op.Mode == RowInsert {
		return op, op.NotNew
	}
	return op, nil
}

// rowBytes is about what the values take.
func rowBytes(values map[int64]string) int {
	n := 0
	for _, v := range values {
		n += len(v) + 8
	}
	return n
}

// Apply decides what a row is after the operation: keep is false where it is gone. It fails where the operation does not
// fit what is there. old is not changed.
func (op RowOp) Apply(old DataRow, exists bool) (row DataRow, keep bool, err error) {
	switch {
	case op.Mode == RowInsert && exists:
		// The end of the real service's words, which name tables of its database before.
		return old, true, fault.New(fault.Conflict, CodeRowExists, "Violation of PRIMARY KEY constraint. Cannot insert duplicate key in object. The statement has been terminated.")
	case (op.Mode == RowUpdate || op.Mode == RowDelete) && !exists:
		return old, false, fault.New(fault.NotFound, CodeNoRow, "There is no row with this primary key.")
	case op.Mode == RowDelete:
		return old, false, nil
	case !exists && op.NotNew != nil:
		return old, false, op.NotNew
	}
	row = DataRow{Key: op.Key, Values: map[int64]string{}}
	from := old.Values
	if !exists {
		from = op.Defaults
	}
	for slot, v := range from {
		row.Values[slot] = v
	}
	for slot, v := range op.Set {
		row.Values[slot] = v
	}
	for _, slot := range op.Clear {
		delete(row.Values, slot)
	}
	if size := rowBytes(row.Values); size > MaxDataRowBytes {
		return old, exists, fault.New(fault.Invalid, CodeInvalidRow, "The row has %d bytes, which is more than %d.", size, MaxDataRowBytes)
	}
	return row, true, nil
}

// RowQuery asks for rows of a data extension.
type RowQuery struct {
	Filter *Filter // nil for all
	// Columns are the names of the fields wanted, in any case; empty for all.
	Columns []string
	After   string // the key of the last row of the page before; "" for the first
	Skip    int    // matching rows to leave out
	Limit   int
	// Count asks how many match in all. Pages are numbered then, by Skip: one whose rows are too long for an answer is
	// refused instead of being cut.
	Count bool
}

// RowPage is one page of rows.
type RowPage struct {
	Extension DataExtension
	Fields    []DataField // of the columns, in the order asked for
	Rows      []DataRow
	More      bool
	Total     int // of all rows that match, where asked for
}

// rowChunk is how many rows are read at once while looking for those that match.
const rowChunk = 500

// Rows reads one page of rows, in the order of their keys.
func (s *DataExtensions) Rows(ctx context.Context, p Principal, ref ExtensionRef, q RowQuery) (RowPage, error) {
	d, err := s.Get(ctx, p, ref)
	if err != nil {
		return RowPage{}, err
	}
	return s.rows(ctx, d, q)
}

// rows is Rows of a data extension that the caller may read.
func (s *DataExtensions) rows(ctx context.Context, d DataExtension, q RowQuery) (page RowPage, err error) {
	page.Extension = d
	if page.Fields, err = d.columns(q.Columns); err != nil {
		return page, err
	}
	if q.Filter == nil {
		page.Total = int(d.Rows)
		return s.read(ctx, page, q)
	}
	match, err := d.Match(q.Filter)
	if err != nil {
		return page, err
	}
	if key, ok := d.keyOf(q.Filter); ok {
		return s.oneRow(ctx, page, q, key, match)
	}
	if q.Count {
		return s.numbered(ctx, page, q, match)
	}
	return s.scan(ctx, page, q, match)
}

const (
	// maxRowPage ends a page of rows before its number of rows does, in bytes.
	maxRowPage = 8 << 20
	// maxNumberedPage bounds a numbered page, which cannot end before, in bytes.
	maxNumberedPage = 32 << 20
	// scanTime bounds a search.
	scanTime = 20 * time.Second
)

func pageTooLong() error {
	return fault.New(fault.TooLarge, CodeInvalidRetrieve, "The rows of the page have more than %d bytes: ask for smaller pages.", maxNumberedPage)
}

// tooSlow tells a search that came to the end of its time from other failures.
func tooSlow(ctx context.Context, err error) error {
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Wrap(err, fault.Invalid, CodeInvalidRetrieve, "Looking through the rows took longer than %d seconds: name the primary key in the filter, or ask for less.", int(scanTime.Seconds()))
	}
	return err
}

// numbered answers a page of matching rows and how many match. The search is made once for all pages of one state.
func (s *DataExtensions) numbered(ctx context.Context, page RowPage, q RowQuery, match func(DataRow) bool) (RowPage, error) {
	of, err := searchOf(page.Extension, q.Filter)
	if err != nil {
		return page, err
	}
	keys, known := s.finds.get(of)
	if !known {
		if keys, err = s.search(ctx, page.Extension, match); err != nil {
			return page, err
		}
		s.finds.put(of, keys)
	}
	page.Total = len(keys)
	from := min(q.Skip, len(keys))
	to := min(from+q.Limit, len(keys))
	page.More = to < len(keys)
	size := 0
	for chunk := range slices.Chunk(keys[from:to], rowChunk) {
		rows, err := s.Store.RowsByKey(ctx, page.Extension, chunk)
		if err != nil {
			return page, err
		}
		for _, row := range rows {
			if page.Rows, size = append(page.Rows, row), size+rowBytes(row.Values); size > maxNumberedPage {
				return page, pageTooLong()
			}
		}
	}
	return page, nil
}

// search finds the keys of the rows that match.
func (s *DataExtensions) search(ctx context.Context, d DataExtension, match func(DataRow) bool) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	keys := []string{}
	for after := ""; ; {
		rows, err := s.Store.Rows(ctx, d, after, 0, rowChunk)
		if err != nil {
			return nil, tooSlow(ctx, err)
		}
		for _, row := range rows {
			if match(row) {
				keys = append(keys, row.Key)
			}
		}
		if len(rows) < rowChunk {
			return keys, nil
		}
		after = rows[len(rows)-1].Key
	}
}

// read reads a page of all rows.
func (s *DataExtensions) read(ctx context.Context, page RowPage, q RowQuery) (RowPage, error) {
	after, skip, size := q.After, q.Skip, 0
	for {
		want := min(rowChunk, q.Limit+1-len(page.Rows))
		rows, err := s.Store.Rows(ctx, page.Extension, after, skip, want)
		if err != nil {
			return page, err
		}
		for _, row := range rows {
			if len(page.Rows) == q.Limit || size > maxRowPage && !q.Count {
				page.More = true
				return page, nil
			}
			if size > maxNumberedPage {
				return page, pageTooLong()
			}
			page.Rows, size = append(page.Rows, row), size+rowBytes(row.Values)
		}
		if len(rows) < want {
			return page, nil
		}
		after, skip = rows[len(rows)-1].Key, 0
	}
}

// oneRow answers a query whose filter names a whole primary key.
func (s *DataExtensions) oneRow(ctx context.Context, page RowPage, q RowQuery, key string, match func(DataRow) bool) (RowPage, error) {
	row, ok, err := s.Store.Row(ctx, page.Extension, key)
	if err != nil || !ok || !match(row) || q.After != "" {
		return page, err
	}
	page.Total = 1
	if q.Skip == 0 && q.Limit > 0 {
		page.Rows = []DataRow{row}
	}
	return page, nil
}

// scan looks through the rows after a place for those that match, until there are enough.
func (s *DataExtensions) scan(ctx context.Context, page RowPage, q RowQuery, match func(DataRow) bool) (RowPage, error) {
	ctx, cancel := context.WithTimeout(ctx, scanTime)
	defer cancel()
	after, skipped, size := q.After, 0, 0
	for {
		rows, err := s.Store.Rows(ctx, page.Extension, after, 0, rowChunk)
		if err != nil {
			return page, tooSlow(ctx, err)
		}
		for _, row := range rows {
			switch {
			case !match(row):
			case skipped < q.Skip:
				skipped++
			case len(page.Rows) < q.Limit && size <= maxRowPage:
				page.Rows, size = append(page.Rows, row), size+rowBytes(row.Values)
			default:
				page.More = true
				return page, nil
			}
		}
		if len(rows) < rowChunk {
			return page, nil
		}
		after = rows[len(rows)-1].Key
	}
}

// columns finds fields by name.
func (d DataExtension) columns(names []string) ([]DataField, error) {
	if len(names) == 0 {
		return d.Fields, nil
	}
	var fields []DataField
	var unknown []string
	for _, name := range names {
		if f, ok := d.Field(name); ok {
			fields = append(fields, f)
		} else {
			unknown = append(unknown, clip(name))
		}
	}
	if len(unknown) > 0 {
		return nil, invalidRetrieve("The Request Property(s) %s do not match with the fields of %s retrieve", strings.Join(unknown[:min(len(unknown), 10)], ", "), d.Key)
	}
	return fields, nil
}

// ValuesJSON is the stored form of values.
func ValuesJSON(values map[int64]string) (string, error) {
	text, err := json.Marshal(values)
	return string(text), err
}
