package sqlstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// rendering collects the SQL of a plan and its parameters. Names in the text come from the schema; all that a caller
// wrote is a parameter.
type rendering struct {
	org      org.ID
	args     []any
	postgres bool
	collate  string // of ordered comparisons of text
	queries  int    // how many SELECTs were begun; each has aliases of its own
	orgParam string
	now      int64 // the org's domain time in milliseconds
}

func (s *Store) render(orgID org.ID) *rendering {
	r := &rendering{org: orgID, postgres: s.db.Postgres(), now: millis(s.now(orgID))}
	if r.postgres {
		r.collate = ` COLLATE "C"` // as SQLite orders: by bytes, whatever the server's locale
	}
	r.orgParam = r.param(string(orgID))
	return r
}

func (r *rendering) param(v any) string {
	r.args = append(r.args, v)
	return "$" + strconv.Itoa(len(r.args))
}

// ids are parameters for a list of ids. Lists of near lengths share a text, and so a prepared statement: the last id is
// repeated up to the next power of two.
func (r *rendering) ids(list []org.ID) string {
	n := 1
	for n < len(list) {
		n *= 2
	}
	params := make([]string, n)
	for i := range params {
		params[i] = r.param(string(list[min(i, len(list)-1)]))
	}
	return strings.Join(params, ", ")
}

// selection is one SELECT under way: a0 is its root, a1… its parents.
type selection struct {
	*rendering
	prefix string
	plan   *soql.Plan
	// lacking tells which of the plan's groups are not in the grouping set that is rendered; nil where there are no sets.
	lacking func(soql.Expr) bool
}

func (r *rendering) selection(p *soql.Plan) *selection {
	r.queries++
	return &selection{rendering: r, prefix: "q" + strconv.Itoa(r.queries) + "_", plan: p}
}

// maxTables is how many tables SQLite joins; custom fields have one of their own for each object.
const maxTables = 64

func (s *selection) alias(join int) string { return s.prefix + strconv.Itoa(join) }

// from is FROM with its joins, and WHERE, to which more is added where it is not empty.
func (s *selection) from(more string) (string, error) {
	p := s.plan
	root := s.alias(0)
	var b strings.Builder
	b.WriteString(" FROM " + tableOf(p.Object) + " " + root)
	custom := flexUses(p)
	if 1+len(p.Joins)+len(custom) > maxTables {
		return "", fault.New(fault.Invalid, soql.CodeTooComplicated, "The query is too complicated: it asks for custom fields of too many parents.")
	}
	if custom[0] {
		b.WriteString(joinFlex(root))
	}
	for i, j := range p.Joins {
		parent := p.Object
		if j.From > 0 {
			parent = p.Joins[j.From-1].To
		}
		a := s.alias(i + 1)
		fmt.Fprintf(&b, " LEFT JOIN %s %s ON %s.%s = %s AND %s.id = %s", tableOf(j.To), a, a, orgColumn(j.To), s.orgParam, a,
			expression(parent, j.Via, s.alias(j.From)))
		if j.To.OwnOnly && j.To.Master == "" {
			b.WriteString(" AND " + expression(j.To, j.To.Stored("OwnerId"), a) + " = " + s.param(string(p.Viewer)))
		}
		if j.Own != nil {
			cond, err := s.cond(j.Own)
			if err != nil {
				return "", err
			}
			b.WriteString(" AND " + cond)
		}
		if custom[i+1] {
			b.WriteString(joinFlex(a))
		}
	}
	b.WriteString(" WHERE " + root + "." + orgColumn(p.Object) + " = " + s.orgParam)
	if p.Object.Own {
		b.WriteString(" AND " + root + ".object = " + s.param(p.Object.KeyPrefix))
	}
	if p.Object.SoftDelete && !p.Deleted {
		b.WriteString(" AND " + root + ".is_deleted = 0")
		if gone := binned(p.Object, root); gone != "" {
			b.WriteString(" AND NOT (" + gone + ")")
		}
	}
	if p.Object.Name == org.ObjectAuthSession { // one that has expired is none
		b.WriteString(" AND " + root + ".expires_ms > " + s.param(s.now))
	}
	if more != "" {
		b.WriteString(" AND " + more)
	}
	if p.After != "" {
		b.WriteString(" AND " + root + ".id > " + s.param(string(p.After)))
	}
	if p.Where != nil {
		cond, err := s.cond(p.Where)
		if err != nil {
			return "", err
		}
		b.WriteString(" AND " + cond)
	}
	return b.String(), nil
}

// groups is GROUP BY and HAVING. Texts that differ in case alone are one group.
func (s *selection) groups() (string, error) {
	if len(s.plan.Group) == 0 {
		return "", nil
	}
	return s.groupsBy(s.plan.Group)
}

// groupsBy is groups of a set; of none, all records are one group: they are of one org.
func (s *selection) groupsBy(set []soql.Expr) (string, error) {
	keys := make([]string, len(set))
	for i, g := range set {
		keys[i] = s.key(g)
	}
	if len(keys) == 0 {
		keys = []string{s.alias(0) + "." + orgColumn(s.plan.Object)}
	}
	out := " GROUP BY " + strings.Join(keys, ", ")
	if s.plan.Having != nil {
		cond, err := s.cond(s.plan.Having)
		if err != nil {
			return "", err
		}
		out += " HAVING " + cond
	}
	return out, nil
}

// orderTerm is one thing to sort by, and how.
type orderTerm struct{ expr, tail string }

// order is ORDER BY without the words.
func (s *selection) order() string {
	terms := s.orderTerms()
	out := make([]string, len(terms))
	for i, t := range terms {
		out[i] = t.expr + t.tail
	}
	return strings.Join(out, ", ")
}

// orderTerms are what to sort by: what the query says, and then something that leaves no two rows equal.
func (s *selection) orderTerms() []orderTerm {
	terms := make([]orderTerm, 0, len(s.plan.Order)+1)
	sorted := ""
	if !s.postgres && s.plan.After == "" && selective(s.plan.Where) {
		// SQLite keeps no statistics and would rather read a whole index in this order than sort the few records that
		// another index finds. What follows + is in no index. After the first batch they were not few.
		sorted = "+"
	}
	for _, o := range s.plan.Order {
		tail := ""
		if o.Desc {
			tail = " DESC"
		}
		if o.NullsLast {
			tail += " NULLS LAST"
		} else {
			tail += " NULLS FIRST"
		}
		if place := s.picklistPlace(o.Expr); place != "" {
			terms = append(terms, orderTerm{place, tail})
		}
		terms = append(terms, orderTerm{sorted + s.key(o.Expr), s.collation(o.Expr) + tail})
	}
	if !s.plan.Aggregate && s.byID() {
		return terms // nothing is left to tell apart, and SQLite would sort everything for the same id again
	}
	if !s.plan.Aggregate {
		// The id as the server's locale orders it, unlike what a query says to sort by: so PostgreSQL's primary key serves.
		return append(terms, orderTerm{expr: sorted + s.alias(0) + ".id"})
	}
	for _, g := range s.plan.Group {
		if s.lacking != nil { // what is summed up over a field comes after what is told by it
			last := "0"
			if s.lacking(g) {
				last = "1"
			}
			terms = append(terms, orderTerm{expr: last})
		}
		terms = append(terms, orderTerm{s.key(g), s.collation(g) + " NULLS FIRST"})
	}
	return terms
}

// byID reports whether the query itself sorts by the record's id in the end.
func (s *selection) byID() bool {
	if len(s.plan.Order) == 0 {
		return false
	}
	last := s.plan.Order[len(s.plan.Order)-1].Expr
	return last.Func == "" && last.Join == 0 && !last.TypeName && len(last.Or) == 0 && last.Field != nil && last.Field.Name == "Id"
}

// maxPlaces is up to how many values a picklist is sorted by their order and not by letters.
const maxPlaces = 200

// picklistPlace is the place of a picklist's value among those that Setup lists, which is what picklists are sorted by
// (SOQL Reference, ORDER BY); values that are not listed come behind. "" for what is no picklist.
func (s *selection) picklistPlace(e soql.Expr) string {
	if e.Func != "" || e.TypeName || len(e.Or) > 0 || e.Field == nil || e.Field.Type != org.TypePicklist || len(s.plan.Sets) > 0 {
		return ""
	}
	values := e.Field.Picklist
	if len(values) == 0 || len(values) > maxPlaces {
		return ""
	}
	key := s.key(e)
	var b strings.Builder
	b.WriteString("CASE WHEN " + key + " IS NULL THEN NULL ELSE CASE " + key)
	for i, v := range values {
		b.WriteString(" WHEN " + s.param(sqldb.FoldCase(v.Value)) + " THEN " + strconv.Itoa(i))
	}
	b.WriteString(" ELSE " + strconv.Itoa(len(values)) + " END END")
	return b.String()
}

// selective reports whether a condition may be one that an index serves, and leaves few records.
func selective(c soql.Cond) bool {
	switch c := c.(type) {
	case soql.All:
		return slices.ContainsFunc(c, selective)
	case soql.Compare:
		if c.Not || c.Func != "" {
			return false
		}
		return c.Op == soql.Equal && mayBeIndexed(c.Field) && !inOrder(c.Ref) || c.Op != soql.Like && c.Field.Name == "SystemModstamp"
	case soql.In:
		return !c.Not && !c.Null && c.Func == "" && mayBeIndexed(c.Field)
	case soql.InQuery:
		return !c.Not
	}
	return false
}

// inOrder reports whether the index of the field has those of one value in the order of their ids, so that many of them cost
// no more than few: a permission set that everybody has.
func inOrder(r soql.Ref) bool {
	return r.Object != nil && r.Object.Name == org.ObjectPermissionSetAssignment && r.Field.Name == "PermissionSetId" && r.Join == 0
}

func mayBeIndexed(f *org.Field) bool {
	if f.Place == org.PlaceFlex {
		return f.Indexed
	}
	return soql.IsText(f.Type) || f.Type == org.TypeID || f.Type == org.TypeReference
}

// collation is how an expression is to be sorted, where that has to be said.
func (s *selection) collation(e soql.Expr) string {
	if t := e.Type(); soql.IsText(t) || isWord(t) {
		return s.collate
	}
	return ""
}

// isWord reports whether values of the type are kept as ASCII text.
func isWord(t org.FieldType) bool {
	return t == org.TypeID || t == org.TypeReference || t == org.TypeDate
}

// ref is the SQL of a field's value.
func (s *selection) ref(r soql.Ref) string {
	if !r.TypeName && len(r.Or) == 0 {
		value := expression(r.Object, r.Field, s.alias(r.Join))
		if r.Join > 0 && r.Field.Type == org.TypeBoolean { // that of a parent that is missing is off, wherever it is kept
			return "COALESCE(" + value + ", 0)"
		}
		return value
	}
	parts := make([]string, 0, len(r.Or)+1)
	for _, one := range append([]soql.Ref{r}, r.Or...) {
		a := s.alias(one.Join)
		value := "'" + strings.ReplaceAll(one.Object.Name, "'", "''") + "'"
		if !one.TypeName {
			value = expression(one.Object, one.Field, a)
		}
		parts = append(parts, "CASE WHEN "+a+".id IS NOT NULL THEN "+value+" END")
	}
	if len(parts) == 1 {
		return "(" + parts[0] + ")"
	}
	return "COALESCE(" + strings.Join(parts, ", ") + ")"
}

// value is the SQL of an expression as it is shown, except that an aggregate query shows texts by output.
func (s *selection) value(e soql.Expr) string {
	if e.Func == soql.FuncGrouping {
		if e.Func = ""; s.lacking != nil && s.lacking(e) {
			return "1"
		}
		return "0"
	}
	if s.lacking != nil && s.lacking(e) {
		return nothing(e)
	}
	v := s.ref(e.Ref)
	switch e.Func {
	case "":
		return v
	case soql.FuncCount:
		return "COUNT(" + v + ")"
	case soql.FuncCountDistinct:
		if soql.IsText(e.Field.Type) {
			v = folded(v)
		}
		return "COUNT(DISTINCT " + v + ")"
	case soql.FuncSum:
		if soql.IsDouble(e.Field.Type) {
			return "SUM(" + v + ")"
		}
		return "CAST(SUM(" + v + ") AS BIGINT)" // PostgreSQL's sum of whole numbers is a NUMERIC
	case soql.FuncAvg:
		return "AVG(CAST(" + v + " AS DOUBLE PRECISION))"
	case soql.FuncMin, soql.FuncMax:
		return string(e.Func) + "(" + v + ")"
	}
	return s.datePart(e, v)
}

// key is the SQL by which expressions are grouped, sorted and compared: texts without case.
func (s *selection) key(e soql.Expr) string {
	if s.lacking != nil && s.lacking(e) {
		return nothing(e)
	}
	if !soql.IsText(e.Type()) {
		if isWord(e.Type()) && (e.Func == soql.FuncMin || e.Func == soql.FuncMax) {
			return string(e.Func) + "(" + s.ref(e.Ref) + s.collate + ")"
		}
		return s.value(e)
	}
	switch {
	case e.Func.IsAggregate():
		return string(e.Func) + "(" + folded(s.ref(e.Ref)) + s.collate + ")"
	case e.Field.Folded && len(e.Or) == 0:
		return s.alias(e.Join) + "." + e.Field.Column + "_key"
	case e.Field.CaseSensitive && len(e.Or) == 0:
		return s.ref(e.Ref)
	}
	return folded(s.ref(e.Ref))
}

// null is the SQL that is NULL where the expression is. A grouped text is known by its key alone.
func (s *selection) null(e soql.Expr) string {
	if s.plan.Aggregate {
		return s.key(e) + " IS NULL"
	}
	return s.value(e) + " IS NULL"
}

func folded(text string) string { return "fold_case(" + text + ")" }

// output is what SELECT names.
func (s *selection) output(e soql.Expr) string {
	switch {
	case s.lacking != nil && s.lacking(e):
		return nothing(e)
	case s.plan.Aggregate && soql.IsText(e.Type()):
		return s.extreme(e)
	case isWord(e.Type()):
		return s.key(e)
	}
	return s.value(e)
}

// extreme is the least or greatest text of a group without regard to case, or of a group of texts that differ in case
// alone the least. Each text is put behind its folded self, which is as long, with a character between that sorts before
// all others, and the reader takes the second half: so the comparison does not regard case, and the answer keeps it.
func (s *selection) extreme(e soql.Expr) string {
	fn := soql.FuncMin
	if e.Func == soql.FuncMax {
		fn = e.Func
	}
	v := s.ref(e.Ref)
	return string(fn) + "((" + folded(v) + " || '\x01' || " + v + ")" + s.collate + ")"
}

// datePart is the SQL of a date function. The engines have different words for a day's text, its number in the week and
// the year, and the hour.
func (s *selection) datePart(e soql.Expr, v string) string {
	day := v
	if e.Field.Type == org.TypeDateTime {
		day = s.timeText(v, "%Y-%m-%d", "YYYY-MM-DD")
	}
	part := func(from, length int) string {
		return fmt.Sprintf("CAST(SUBSTR(%s, %d, %d) AS INTEGER)", day, from, length)
	}
	inYear := "CAST(STRFTIME('%j', " + day + ") AS INTEGER)"
	inWeek := "CAST(STRFTIME('%w', " + day + ") AS INTEGER)"
	if s.postgres {
		inYear = "CAST(EXTRACT(DOY FROM CAST(" + day + " AS DATE)) AS INTEGER)"
		inWeek = "CAST(EXTRACT(DOW FROM CAST(" + day + " AS DATE)) AS INTEGER)"
	}
	switch e.Func {
	case soql.FuncDayOnly:
		return day
	case soql.FuncHourInDay:
		return "CAST(" + s.timeText(v, "%H", "HH24") + " AS INTEGER)"
	case soql.FuncCalendarYear, soql.FuncFiscalYear:
		return part(1, 4)
	case soql.FuncCalendarQuarter, soql.FuncFiscalQuarter:
		return "(" + part(6, 2) + " + 2) / 3"
	case soql.FuncCalendarMonth, soql.FuncFiscalMonth:
		return part(6, 2)
	case soql.FuncDayInMonth:
		return part(9, 2)
	case soql.FuncWeekInMonth:
		return "(" + part(9, 2) + " + 6) / 7"
	case soql.FuncDayInWeek:
		return "(" + inWeek + " + 1)"
	case soql.FuncWeekInYear:
		return "(" + inYear + " + 6) / 7"
	case soql.FuncDayInYear:
		return inYear
	}
	panic("sqlstore: no SQL for the function " + string(e.Func))
}

func (s *selection) timeText(millis, sqlite, postgres string) string {
	if s.postgres {
		return "TO_CHAR(TO_TIMESTAMP(" + millis + " / 1000.0) AT TIME ZONE 'UTC', '" + postgres + "')"
	}
	return "STRFTIME('" + sqlite + "', " + millis + " / 1000.0, 'unixepoch')"
}
