package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
)

func (s *Server) runQuery(ctx context.Context, c *call) (answer, error) {
	return s.query(ctx, c, false)
}

func (s *Server) runQueryAll(ctx context.Context, c *call) (answer, error) {
	return s.query(ctx, c, true)
}

func (s *Server) query(ctx context.Context, c *call, deleted bool) (answer, error) {
	text := c.query.Get("q")
	if text == "" {
		return answer{}, fault.New(fault.Invalid, soql.CodeMalformedQuery, "A query string has to be specified")
	}
	if strings.EqualFold(c.query.Get("columns"), "true") {
		return s.queryColumns(c, text)
	}
	res, err := c.queries.Run(ctx, c.session, text, deleted, c.options.batch)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, queryResult(c.base, res)}, nil
}

func (s *Server) nextBatch(ctx context.Context, c *call) (answer, error) {
	res, err := c.queries.More(ctx, c.session, c.locator, c.options.batch)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, queryResult(c.base, res)}, nil
}

// queryResult shapes one batch (crm-wire 3.4).
func queryResult(base string, res *soql.Result) object {
	return resultObject(base, res.Plan, res.Total, res.Rows, res.Next)
}

func resultObject(base string, p *soql.Plan, total int, rows []soql.Row, next string) object {
	records := make([]object, len(rows))
	for i, row := range rows {
		records[i] = queryRecord(base, p.Record(row))
	}
	out := object{{"totalSize", total}, {"done", next == ""}}
	if next != "" {
		out = append(out, member{"nextRecordsUrl", base + "/query/" + next})
	}
	return append(out, member{"records", records})
}

// queryRecord writes a record of an answer: what it is, its fields, its parents, and the answers of child queries.
func queryRecord(base string, r *soql.Record) object {
	kind := object{{"type", r.Type}}
	if r.Object != nil {
		kind = append(kind, member{"url", recordURL(base, r.Object, r.ID)})
	}
	out := make(object, 1, len(r.Members)+1)
	out[0] = member{"attributes", kind}
	for _, m := range r.Members {
		switch v := m.Value.(type) {
		case *soql.Record:
			out = append(out, member{m.Name, queryRecord(base, v)})
		case soql.ChildRecords:
			out = append(out, member{m.Name, resultObject(base, v.Plan, v.Total, v.Rows, v.Next)})
		default:
			out = append(out, member{m.Name, wireValue(v)})
		}
	}
	return out
}

// columnMetadata is what &columns=true tells of one column (crm-wire 3.4).
type columnMetadata struct {
	ColumnName     string           `json:"columnName"`
	DisplayName    string           `json:"displayName"`
	Aggregate      bool             `json:"aggregate"`
	ApexType       string           `json:"apexType"`
	BooleanType    bool             `json:"booleanType"`
	Custom         bool             `json:"custom"`
	ForeignKeyName *string          `json:"foreignKeyName"`
	Insertable     bool             `json:"insertable"`
	JoinColumns    []columnMetadata `json:"joinColumns"`
	NumberType     bool             `json:"numberType"`
	TextType       bool             `json:"textType"`
	Updatable      bool             `json:"updatable"`
}

func (s *Server) queryColumns(c *call, text string) (answer, error) {
	p, err := soql.Parse(text, s.Records.Schema(c.session), c.session.Permissions)
	if err != nil {
		return answer{}, err
	}
	selectsID := false
	var tree columnTree
	for _, col := range p.Columns {
		selectsID = selectsID || col.Child == nil && len(col.Path) == 1 && col.Type() == org.TypeID && !p.Aggregate
		tree.add(col.Path, p.Aggregate, col)
	}
	return answer{http.StatusOK, object{
		{"columnMetadata", tree.columns()},
		{"entityName", p.Object.Name},
		{"groupBy", len(p.Group) > 0},
		{"idSelected", selectsID},
		{"keyPrefix", p.Object.KeyPrefix},
	}}, nil
}

// columnTree gathers columns under their relationships.
type columnTree struct {
	names   []string
	kids    map[string]*columnTree
	leaf    *soql.Column
	grouped bool // of an aggregate query
}

func (t *columnTree) add(path []string, grouped bool, c soql.Column) {
	if len(path) == 0 {
		t.leaf, t.grouped = &c, grouped
		return
	}
	if t.kids == nil {
		t.kids = map[string]*columnTree{}
	}
	kid := t.kids[path[0]]
	if kid == nil {
		kid = &columnTree{}
		t.kids[path[0]], t.names = kid, append(t.names, path[0])
	}
	kid.add(path[1:], grouped, c)
}

func (t *columnTree) columns() []columnMetadata {
	out := []columnMetadata{}
	for _, n := range t.names {
		kid := t.kids[n]
		m := columnMetadata{ColumnName: n, DisplayName: n, JoinColumns: kid.columns()}
		switch {
		case kid.leaf == nil:
		case kid.leaf.Child != nil:
			m.Aggregate = true // so the vendor marks child queries
			var inner columnTree
			for _, c := range kid.leaf.Child.Columns {
				inner.add(c.Path, false, c)
			}
			m.JoinColumns = inner.columns()
		default:
			m.describe(kid.leaf, kid.grouped)
		}
		out = append(out, m)
	}
	return out
}

func (m *columnMetadata) describe(c *soql.Column, grouped bool) {
	t := c.Type()
	m.ApexType, m.BooleanType, m.TextType = apexType(t), t == org.TypeBoolean, soql.IsText(t)
	m.NumberType = t == org.TypeInt || soql.IsDouble(t)
	m.Aggregate = grouped && c.Func != ""
	if m.Aggregate {
		return
	}
	m.Custom, m.Insertable, m.Updatable = c.Field.Custom, c.Field.Createable, c.Field.Updateable
	if c.Field.Relationship != "" {
		m.ForeignKeyName = &c.Field.Relationship
	}
}

func apexType(t org.FieldType) string {
	switch {
	case t == org.TypeID, t == org.TypeReference:
		return "Id"
	case t == org.TypeBoolean:
		return "Boolean"
	case t == org.TypeInt:
		return "Integer"
	case soql.IsDouble(t):
		return "Double"
	case t == org.TypeDate:
		return "Date"
	case t == org.TypeDateTime:
		return "Datetime"
	}
	return "String"
}
