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
	res, err := s.Queries.Run(ctx, c.session, text, deleted, c.options.batch)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, queryResult(c.base, res)}, nil
}

func (s *Server) nextBatch(ctx context.Context, c *call) (answer, error) {
	res, err := s.Queries.More(ctx, c.session, c.locator, c.options.batch)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, queryResult(c.base, res)}, nil
}

// queryResult shapes one batch (crm-wire 3.4).
func queryResult(base string, res *soql.Result) object {
	records := make([]object, len(res.Rows))
	for i, row := range res.Rows {
		records[i] = queryRecord(base, res.Plan, row)
	}
	out := object{{"totalSize", res.Total}, {"done", res.Next == ""}}
	if res.Next != "" {
		out = append(out, member{"nextRecordsUrl", base + "/query/" + res.Next})
	}
	return append(out, member{"records", records})
}

// nest is a record or a parent inside one, while its fields are gathered.
type nest struct {
	out     object
	parents map[string]*nest
	id      org.ID
}

// queryRecord nests the columns of parents under their relationships; a parent that is missing is null.
func queryRecord(base string, p *soql.Plan, row soql.Row) object {
	root := &nest{out: object{attributes(base, p.Object, row.IDs[0])}, id: row.IDs[0]}
	for i, c := range p.Columns {
		at, join := root, 0
		for _, step := range c.Path[:len(c.Path)-1] {
			join = follow(p, join, step)
			next := at.parents[step]
			if next == nil {
				next = &nest{id: row.IDs[join]}
				if next.id != "" {
					next.out = object{attributes(base, p.Joins[join-1].To, next.id)}
				}
				if at.parents == nil {
					at.parents = map[string]*nest{}
				}
				at.parents[step] = next
				at.out = append(at.out, member{step, next})
			}
			at = next
		}
		at.out = append(at.out, member{c.Path[len(c.Path)-1], wireValue(row.Values[i])})
	}
	return root.out
}

// append writes the parent, null where it is missing.
func (n *nest) append(b []byte) ([]byte, error) {
	if n.id == "" {
		return append(b, "null"...), nil
	}
	return n.out.append(b)
}

// follow finds the join that a relationship leads to.
func follow(p *soql.Plan, from int, relationship string) int {
	for i, j := range p.Joins {
		if j.From == from && j.Via.Relationship == relationship {
			return i + 1
		}
	}
	return from
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
		selectsID = selectsID || len(col.Path) == 1 && col.Field.Type == org.TypeID
		tree.add(col.Path, col)
	}
	return answer{http.StatusOK, object{
		{"columnMetadata", tree.columns()},
		{"entityName", p.Object.Name},
		{"groupBy", false},
		{"idSelected", selectsID},
		{"keyPrefix", p.Object.KeyPrefix},
	}}, nil
}

// columnTree gathers columns under their relationships.
type columnTree struct {
	names []string
	kids  map[string]*columnTree
	leaf  *soql.Column
}

func (t *columnTree) add(path []string, c soql.Column) {
	if len(path) == 0 {
		t.leaf = &c
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
	kid.add(path[1:], c)
}

func (t *columnTree) columns() []columnMetadata {
	out := []columnMetadata{}
	for _, n := range t.names {
		kid := t.kids[n]
		m := columnMetadata{ColumnName: n, DisplayName: n, JoinColumns: kid.columns()}
		if kid.leaf != nil {
			f := kid.leaf.Field
			m.ApexType, m.BooleanType, m.NumberType = apexType(f), f.Type == org.TypeBoolean, f.Type == org.TypeInt
			m.TextType = f.Type.IsText()
			m.Custom, m.Insertable, m.Updatable = f.Custom, f.Createable, f.Updateable
			if f.Relationship != "" {
				m.ForeignKeyName = &f.Relationship
			}
		}
		out = append(out, m)
	}
	return out
}

func apexType(f *org.Field) string {
	switch f.Type {
	case org.TypeID, org.TypeReference:
		return "Id"
	case org.TypeBoolean:
		return "Boolean"
	case org.TypeInt:
		return "Integer"
	case org.TypeDate:
		return "Date"
	case org.TypeDateTime:
		return "Datetime"
	}
	return "String"
}
