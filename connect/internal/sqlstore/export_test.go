package sqlstore

// FoldedQuery finds users by their names in letters of any case.
const FoldedQuery = foldedQuery
