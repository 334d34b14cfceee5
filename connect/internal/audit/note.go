package audit

import "context"

// Noter adds entries about what was changed elsewhere than in Connect's own database.
type Noter interface {
	// NoteChange adds an entry; before and after become JSON.
	NoteChange(ctx context.Context, pair string, c Change, before, after any) error
}
