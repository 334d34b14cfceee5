package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
)

// Bounds of the sObject collections (crm-wire 3.6).
const (
	maxRecords  = 200  // to write
	maxRetrieve = 2000 // to read by POST; by GET the URL ends earlier
	retrieveAt  = 500  // ids of one query
)

// textTooLong refuses what would make an answer too long, with wireOverLimit.
const (
	textTooLong   = "The answers have too many bytes together. Ask for less at a time."
	wireOverLimit = "LIMIT_EXCEEDED"
)

// collection is the body of creating and updating records.
type collection struct {
	AllOrNone bool             `json:"allOrNone"`
	Records   []map[string]any `json:"records"`
}

func (c *call) collection() (collection, error) {
	var in collection
	if err := decode(c.raw, &in); err != nil {
		return in, err
	}
	return in, tooMany(len(in.Records), maxRecords)
}

// tooMany refuses a list that is over its bound, in the vendor's words.
func tooMany(n, most int) error {
	if n > most {
		return fault.New(fault.Invalid, codeTooManyRecords, "record limit reached. cannot submit more than %d records into this call", most)
	}
	return nil
}

// kindOf takes the attributes off a record and tells the type in them.
func kindOf(record map[string]any) (string, error) {
	attributes, _ := record["attributes"].(map[string]any)
	delete(record, "attributes")
	kind, _ := attributes["type"].(string)
	if kind == "" {
		return "", fault.New(fault.Invalid, org.CodeRequiredFieldMissing, "A record needs its type among its attributes.").In("type")
	}
	return kind, nil
}

// idOf takes the id off a record; clients write "id" and "Id".
func idOf(record map[string]any) (string, error) {
	for name, v := range record {
		if strings.EqualFold(name, "Id") {
			id, ok := v.(string)
			delete(record, name)
			if ok && id != "" {
				return id, nil
			}
			break
		}
	}
	return "", fault.New(fault.Invalid, codeIDMissing, "Id not specified in an update call").In("Id")
}

func (s *Server) createMany(ctx context.Context, c *call) (answer, error) {
	in, err := c.collection()
	if err != nil {
		return answer{}, err
	}
	ops := make([]org.Op, len(in.Records))
	for i, r := range in.Records {
		op := org.Op{Action: org.ActionCreate, Values: r}
		op.Object, op.Err = kindOf(r)
		ops[i] = op
	}
	return c.batch(ctx, ops, in.AllOrNone)
}

func (s *Server) updateMany(ctx context.Context, c *call) (answer, error) {
	in, err := c.collection()
	if err != nil {
		return answer{}, err
	}
	ops := make([]org.Op, len(in.Records))
	for i, r := range in.Records {
		op := org.Op{Action: org.ActionUpdate, Values: r}
		if op.Object, op.Err = kindOf(r); op.Err == nil {
			op.ID, op.Err = idOf(r)
		}
		ops[i] = op
	}
	return c.batch(ctx, ops, in.AllOrNone)
}

// deleteMany deletes the records of ?ids=…,… of any types (crm-wire 3.6).
func (s *Server) deleteMany(ctx context.Context, c *call) (answer, error) {
	ids := commaList(c.query.Get("ids"))
	if len(ids) == 0 {
		return answer{}, fault.New(fault.Invalid, codeBadParameter, "The parameter ids names no record.")
	}
	if err := tooMany(len(ids), maxRecords); err != nil {
		return answer{}, err
	}
	allOrNone, err := flag("allOrNone", c.query.Get("allOrNone"))
	if err != nil {
		return answer{}, err
	}
	schema := c.records.Schema(c.session)
	ops := make([]org.Op, len(ids))
	for i, text := range ids {
		op := org.Op{Action: org.ActionDelete, ID: text}
		id, err := org.ParseID(text)
		switch o := schema.ByID(id); {
		case err != nil:
			op.Err = err
		case o == nil:
			op.Err = fault.New(fault.NotFound, org.CodeNotFound, "invalid cross reference id")
		default:
			op.Object = o.Name
		}
		ops[i] = op
	}
	return c.batch(ctx, ops, allOrNone)
}

// flag reads a boolean parameter of a query; none is false.
func flag(name, text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return false, fault.New(fault.Invalid, codeBadParameter, "%s is neither true nor false", name)
	}
	return v, nil
}

func commaList(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// recordError is a refusal of one record among many: its code has another name here (crm-wire 3.6).
type recordError struct {
	StatusCode string   `json:"statusCode"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields"`
}

func (c *call) batch(ctx context.Context, ops []org.Op, allOrNone bool) (answer, error) {
	results, err := c.records.Batch(ctx, c.session, ops, allOrNone)
	if err != nil {
		return answer{}, err
	}
	out := make([]object, len(results))
	for i, r := range results {
		if r.Err == nil {
			out[i] = object{{"id", r.ID}, {"success", true}, {"errors", []recordError{}}}
			if c.field != "" {
				out[i] = append(out[i], member{"created", r.Created})
			}
			continue
		}
		out[i] = object{{"success", false}, {"errors", []recordError{perRecord(r.Err)}}}
	}
	return answer{http.StatusOK, out}, nil
}

// perRecord translates the refusal of one record among many.
func perRecord(err error) recordError {
	_, list := translate(err)
	e := recordError{StatusCode: list[0].ErrorCode, Message: list[0].Message, Fields: list[0].Fields}
	if e.Fields == nil {
		e.Fields = []string{}
	}
	if fault.CodeOf(err) == org.CodeNotFound { // no path here that could be missing
		e.StatusCode, e.Message = "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
	}
	return e
}

var fieldPath = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}$`)

// readMany reads records by id, in the order of the ids; null stands for one that is not there (crm-wire 3.6).
func (s *Server) readMany(ctx context.Context, c *call) (answer, error) {
	in := struct {
		IDs    []string `json:"ids"`
		Fields []string `json:"fields"`
	}{commaList(c.query.Get("ids")), commaList(c.query.Get("fields"))}
	if c.raw != nil {
		if err := decode(c.raw, &in); err != nil {
			return answer{}, err
		}
	}
	o, err := c.records.Object(c.session, c.object)
	if err != nil {
		return answer{}, err
	}
	if err := tooMany(len(in.IDs), maxRetrieve); err != nil {
		return answer{}, err
	}
	if len(in.Fields) == 0 {
		return answer{}, fault.New(fault.Invalid, org.CodeRequiredFieldMissing, "Required fields are missing: [fields]").In("fields")
	}
	for _, f := range in.Fields {
		if !fieldPath.MatchString(f) {
			return answer{}, fault.New(fault.Invalid, org.CodeInvalidField, "No such column '%s' on sobject of type %s", clip(f), o.Name)
		}
	}
	ids := make([]org.ID, len(in.IDs))
	for i, text := range in.IDs {
		if ids[i], err = org.ParseID(text); err != nil {
			return answer{}, err
		}
	}
	return c.retrieve(ctx, o, ids, in.Fields)
}

// retrieve answers with the records of the ids. They come in one answer or not at all: there is no locator here.
func (c *call) retrieve(ctx context.Context, o *org.Object, ids []org.ID, fields []string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, manyTimeout)
	defer cancel()
	room := soql.MaxBytes
	if c.queries.Budget != nil {
		room = c.queries.Budget.Left()
	}
	tooLong := fault.New(fault.Invalid, codeOverLimit, textTooLong)
	found, read := map[org.ID]json.RawMessage{}, 0
	for start := 0; start < len(ids); start += retrieveAt {
		part := ids[start:min(start+retrieveAt, len(ids))]
		var list strings.Builder
		for i, id := range part {
			if i > 0 {
				list.WriteByte(',')
			}
			list.WriteString("'" + string(id) + "'")
		}
		err := c.queries.Each(ctx, c.session, "SELECT "+strings.Join(fields, ",")+" FROM "+o.Name+" WHERE Id IN ("+list.String()+")", false, func(p *soql.Plan, row soql.Row) error {
			text, err := queryRecord(c.base, p.Record(row)).append(nil)
			if read += len(text); read > room {
				return tooLong
			}
			found[row.IDs[0]] = text
			return err
		})
		if err != nil {
			return answer{}, err
		}
	}
	out, sent := make([]json.RawMessage, len(ids)), 0
	for i, id := range ids {
		if r, ok := found[id]; ok {
			if sent += len(r); sent > room {
				return answer{}, tooLong // an id may come often
			}
			out[i] = r
		}
	}
	if c.queries.Budget != nil {
		c.queries.Budget.Take(sent)
	}
	return answer{http.StatusOK, out}, nil
}
