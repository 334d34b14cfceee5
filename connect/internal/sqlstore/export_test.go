package sqlstore

// FoldedQuery finds users by their names in letters of any case.
const FoldedQuery = foldedQuery

// PageQuery reads a page of users, NamesakeQuery everybody of a name.
const (
	PageQuery     = pageQuery
	NamesakeQuery = namesakeQuery
)

// LimitVisits sets how many visits of a pair may be under way.
func LimitVisits(s *Store, n int) { s.maxVisits = n }

// Sealed names the columns that a rotation of keys seals anew: "table.column".
func Sealed() []string {
	var all []string
	for _, p := range sealed() {
		all = append(all, p.Table+"."+p.Column)
	}
	return all
}
