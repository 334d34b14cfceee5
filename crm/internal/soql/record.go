package soql

import (
	"slices"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// TypeAggregate and TypeName are what answers call the type of a group, and of a parent that a relationship to several
// objects led to (crm-wire 3.4).
const (
	TypeAggregate = "AggregateResult"
	TypeName      = "Name"
)

// Record is a row as a tree, as edges write it.
type Record struct {
	Type    string      // "Contact", "AggregateResult"
	Object  *org.Object // nil of a group
	ID      org.ID      // "" of a group
	Members []Member    // in the query's order
}

// Member is one field of a record, or one relationship.
type Member struct {
	Name string
	// Value is as in org.Values, or a float64; *Record for a parent, ChildRecords for a child query, and nil where there
	// is no such parent or child.
	Value any
}

// ChildRecords are the records of a child query.
type ChildRecords struct {
	*Children
	Plan *Plan
}

// Record makes a tree of a row: fields of parents go under their relationships.
func (p *Plan) Record(row Row) *Record {
	root := &Record{Type: TypeAggregate, Members: make([]Member, 0, len(p.Columns))}
	if !p.Aggregate {
		root.Type, root.Object, root.ID = p.Object.Name, p.Object, row.IDs[0]
	}
	for i, c := range p.Columns {
		at := root
		for depth := 1; depth < len(c.Path); depth++ {
			if at = p.parent(at, row, c.Path[:depth]); at == nil {
				break
			}
		}
		switch {
		case at == nil: // of a parent that is missing
		case c.Child == nil:
			at.Members = append(at.Members, Member{c.Name(), row.Values[i]})
		default:
			kids, _ := row.Values[i].(*Children)
			if kids == nil || len(kids.Rows) == 0 {
				at.Members = append(at.Members, Member{c.Name(), nil})
			} else {
				at.Members = append(at.Members, Member{c.Name(), ChildRecords{kids, c.Child}})
			}
		}
	}
	return root
}

// parent finds or makes the record at the end of a path, in the record one step before; nil where it is missing.
func (p *Plan) parent(at *Record, row Row, path []string) *Record {
	name := path[len(path)-1]
	for _, m := range at.Members {
		if m.Name == name {
			parent, _ := m.Value.(*Record)
			return parent
		}
	}
	var parent *Record
	for i, j := range p.Joins {
		if id := row.IDs[i+1]; id != "" && slices.Equal(j.Path, path) {
			parent = &Record{Type: j.To.Name, Object: j.To, ID: id}
			if j.Several {
				parent.Type = TypeName
			}
			break
		}
	}
	if parent == nil {
		at.Members = append(at.Members, Member{name, nil})
	} else {
		at.Members = append(at.Members, Member{name, parent})
	}
	return parent
}
