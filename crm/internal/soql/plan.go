// Package soql reads SOQL queries and turns them into plans over an org's schema, which the store renders to SQL with
// parameters. Nothing of a query's text reaches SQL; names are looked up in the schema and values are bound.
//
// Where a fact is not in the wire reference, it is the vendor's "SOQL and SOSL Reference".
package soql

import "github.com/twinspan/twinspan/crm/internal/org"

// Plan is a query in terms of the schema.
type Plan struct {
	Object *org.Object
	Count  bool // SELECT COUNT(): no rows, only how many
	// Aggregate: rows are groups (AggregateResult), all of the records where Group is empty.
	Aggregate bool
	Columns   []Column
	Joins     []Join // parents that paths lead to; a Ref's Join is the index plus one
	Where     Cond   // nil: all
	Group     []Expr
	// Sets are what GROUP BY ROLLUP and CUBE group by, one after the other: parts of Group, all of it first; nil for Group
	// alone. Rows of a set have null for what it lacks.
	Sets    [][]Expr
	Having  Cond // nil: all
	Order   []Order
	Limit   int // -1: none
	Offset  int
	Deleted bool // records in the recycle bin too
	// Viewer is who asks: of parents that are private to their owners he sees his own.
	Viewer org.ID

	// After leaves out the records up to and with this id; it is for plans that have no Order, whose rows come by id.
	After org.ID
	// Via is the field of Object that names the parent, in the plan of a child query.
	Via *org.Field
}

// Join leads from a record to a parent, which may be missing.
type Join struct {
	From int // as a Ref's Join
	Via  *org.Field
	To   *org.Object
	Path []string // relationship names from the root: ["Account", "Owner"]
	// Own holds for the details that the viewer sees, where To is private to its masters' owners; nil for all.
	Own Cond
	// Several: Via may name records of other objects too, each with a join of its own under the same path.
	Several bool
}

// Ref is a field of the root (Join 0) or of a parent.
type Ref struct {
	Join   int
	Object *org.Object
	Field  *org.Field
	// Or are the same field of the other objects that the relationship may lead to; at most one of them has a record.
	Or []Ref
	// TypeName: the value is the name of the object that the record belongs to, of those in this Ref and Or.
	TypeName bool
}

// Func is a function of a field, in capitals; "" is the field itself.
type Func string

// The aggregate functions.
const (
	FuncCount         Func = "COUNT"
	FuncCountDistinct Func = "COUNT_DISTINCT"
	FuncSum           Func = "SUM"
	FuncAvg           Func = "AVG"
	FuncMin           Func = "MIN"
	FuncMax           Func = "MAX"
	// FuncGrouping is 1 in rows of the sets that lack the field, and 0 in those that have it.
	FuncGrouping Func = "GROUPING"
)

// The date functions. They go by UTC; weeks begin on day 1 of the month or year, the day of the week 1 is Sunday.
const (
	FuncCalendarYear    Func = "CALENDAR_YEAR"
	FuncCalendarQuarter Func = "CALENDAR_QUARTER"
	FuncCalendarMonth   Func = "CALENDAR_MONTH"
	FuncFiscalYear      Func = "FISCAL_YEAR" // the fiscal year begins in January
	FuncFiscalQuarter   Func = "FISCAL_QUARTER"
	FuncFiscalMonth     Func = "FISCAL_MONTH"
	FuncDayInMonth      Func = "DAY_IN_MONTH"
	FuncDayInWeek       Func = "DAY_IN_WEEK"
	FuncDayInYear       Func = "DAY_IN_YEAR"
	FuncWeekInMonth     Func = "WEEK_IN_MONTH"
	FuncWeekInYear      Func = "WEEK_IN_YEAR"
	FuncDayOnly         Func = "DAY_ONLY"    // of a date and time: the date
	FuncHourInDay       Func = "HOUR_IN_DAY" // of a date and time
)

// IsAggregate reports whether the function makes one value of a group's many.
func (f Func) IsAggregate() bool {
	switch f {
	case FuncCount, FuncCountDistinct, FuncSum, FuncAvg, FuncMin, FuncMax:
		return true
	}
	return false
}

// IsDate reports whether the function takes a part of a date.
func (f Func) IsDate() bool {
	switch f {
	case FuncCalendarYear, FuncCalendarQuarter, FuncCalendarMonth, FuncFiscalYear, FuncFiscalQuarter, FuncFiscalMonth, FuncDayInMonth, FuncDayInWeek,
		FuncDayInYear, FuncWeekInMonth, FuncWeekInYear, FuncDayOnly, FuncHourInDay:
		return true
	}
	return false
}

// Expr is a value of a record, or of a group.
type Expr struct {
	Ref
	Func Func
}

// Type is the type of the expression's values.
func (e Expr) Type() org.FieldType {
	switch {
	case e.Func == FuncCount, e.Func == FuncCountDistinct, e.Func == FuncGrouping:
		return org.TypeInt
	case e.Func == FuncAvg:
		return org.TypeDouble
	case e.Func == FuncDayOnly:
		return org.TypeDate
	case e.Func.IsDate():
		return org.TypeInt
	}
	return e.Field.Type
}

// Same reports whether two expressions have the same value.
func (e Expr) Same(o Expr) bool {
	return e.Func == o.Func && e.Join == o.Join && e.Field == o.Field && e.TypeName == o.TypeName
}

// Column is one selected value: an expression, or a child query.
type Column struct {
	Expr
	// Path has the relationships and the field, spelled as the schema does; of an aggregate query the one name that the
	// value has in the answer (an alias, a field, "expr0"); of a child query the relationship.
	Path  []string
	Child *Plan
}

// Name is the last part of the column's path.
func (c Column) Name() string { return c.Path[len(c.Path)-1] }

// Order is one term of ORDER BY.
type Order struct {
	Expr
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

// Compare compares an expression with a value, which is not nil.
type Compare struct {
	Expr
	Op    Op
	Value any // as in org.Values, or float64
	Not   bool
}

// IsNull holds where the expression has no value; Not turns it round.
type IsNull struct {
	Expr
	Not bool
}

// In holds where the expression has one of the values.
type In struct {
	Expr
	Values []any // not empty, no nil
	Null   bool  // null is one of the values too
	Not    bool
}

// InQuery holds where the expression has one of the values that the plan's one column has.
type InQuery struct {
	Expr
	Plan *Plan
	Not  bool
}

// Includes holds where a multi-select picklist has all of the values of at least one of the sets.
type Includes struct {
	Expr
	Sets [][]string // none is empty
	Not  bool
}

func (All) cond()      {}
func (Some) cond()     {}
func (Compare) cond()  {}
func (IsNull) cond()   {}
func (In) cond()       {}
func (InQuery) cond()  {}
func (Includes) cond() {}

// HasChildren reports whether the plan has child queries.
func (p *Plan) HasChildren() bool {
	for _, c := range p.Columns {
		if c.Child != nil {
			return true
		}
	}
	return false
}
