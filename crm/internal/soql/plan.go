// Package soql reads SOQL queries and turns them into plans over an org's schema, which the store renders to SQL with
// parameters. Nothing of a query's text reaches SQL; names are looked up in the schema and values are bound.
package soql

import "github.com/twinspan/twinspan/crm/internal/org"

// Plan is a query in terms of the schema.
type Plan struct {
	Object  *org.Object
	Count   bool // SELECT COUNT(): no rows, only how many
	Columns []Column
	Joins   []Join // parents that paths lead to; a Ref's Join is the index plus one
	Where   Cond   // nil: all
	Order   []Order
	Limit   int // -1: none
	Offset  int
	Deleted bool // records in the recycle bin too
}

// Join leads from a record to a parent, which may be missing.
type Join struct {
	From int // as a Ref's Join
	Via  *org.Field
	To   *org.Object
	Path []string // relationship names from the root: ["Account", "Owner"]
}

// Ref is a field of the root (Join 0) or of a parent.
type Ref struct {
	Join   int
	Object *org.Object
	Field  *org.Field
}

// Column is one selected field.
type Column struct {
	Ref
	Path []string // relationships and field, spelled as the schema does
}

// Order is one term of ORDER BY.
type Order struct {
	Ref
	Desc      bool
	NullsLast bool
}

// Cond is a condition: one of the types below. Negation stands in the leaves, because a comparison with null is false
// in SOQL and its negation true, unlike in SQL.
type Cond interface{ cond() }

// All holds where every condition does, Some where at least one does. Neither is empty.
type (
	All  []Cond
	Some []Cond
)

// Op compares.
type Op string

// The operators. Those of text do not regard case.
const (
	Equal     Op = "="
	Less      Op = "<"
	LessEq    Op = "<="
	Greater   Op = ">"
	GreaterEq Op = ">="
	Like      Op = "LIKE" // the value is a pattern, \ before a character that stands for itself
)

// Compare compares a field with a value, which is not nil.
type Compare struct {
	Ref
	Op    Op
	Value any // as in org.Values
	Not   bool
}

// IsNull holds where the field has no value; Not turns it round.
type IsNull struct {
	Ref
	Not bool
}

// In holds where the field has one of the values.
type In struct {
	Ref
	Values []any // not empty, no nil
	Null   bool  // null is one of the values too
	Not    bool
}

// InQuery holds where the field has one of the values that the plan's one column has.
type InQuery struct {
	Ref
	Plan *Plan
	Not  bool
}

func (All) cond()     {}
func (Some) cond()    {}
func (Compare) cond() {}
func (IsNull) cond()  {}
func (In) cond()      {}
func (InQuery) cond() {}
