package sqlstore

// FoldedQuery finds users by their names in letters of any case.
const FoldedQuery = foldedQuery

// LimitVisits sets how many visits of a pair may be under way.
func LimitVisits(s *Store, n int) { s.maxVisits = n }
