package sqldb

import "context"

// Groups is how many groups of writes the SQLite writer has taken; 0 on PostgreSQL.
func Groups(db *DB) int64 {
	if e, ok := db.engine.(*sqliteEngine); ok {
		return e.groups.Load()
	}
	return 0
}

// OpenOn is Open for an SQLite file on another file layer (vfs), with another PRAGMA synchronous and wal_autocheckpoint.
func OpenOn(ctx context.Context, path, vfs, synchronous string, checkpoint int, o Options) (*DB, error) {
	o.DSN, o.vfs, o.synchronous, o.checkpoint = path, vfs, synchronous, checkpoint
	return Open(ctx, o)
}

// Texts are the INSERTs of n rows.
func (a *Append) Texts(n int) (sqlite, postgres string) { return a.sqlite(n), a.postgres(n) }
