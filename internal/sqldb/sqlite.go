package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteReaders bounds the connections that read at the same time. A reader needs a core to be of use.
func sqliteReaders() int { return max(4, runtime.GOMAXPROCS(0)) }

// sqliteHeader is how every SQLite file begins.
const sqliteHeader = "SQLite format 3\x00"

func openSQLite(ctx context.Context, o Options) (*DB, error) {
	// DSNs come from the command line; a pragma in one must not be able to carry a second statement. The switch is the
	// driver's, for the whole process, and we only ever turn it on.
	sqlite.StrictPragmas(true)
	if err := registerFold(); err != nil {
		return nil, fmt.Errorf("%s: the function fold_case: %w", o.DSN, err)
	}
	path, err := filepath.Abs(o.DSN)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.DSN, err)
	}
	lock, err := prepareFile(path, o.Log)
	if err != nil {
		return nil, err
	}
	db, err := openSQLiteFile(ctx, path, o, lock)
	if err != nil {
		lock.release()
		return nil, explainSQLite(path, err)
	}
	return db, nil
}

// openSQLiteFile opens a file that is ours.
func openSQLiteFile(ctx context.Context, path string, o Options, lock *fileLock) (_ *DB, err error) {
	synchronous := "FULL"
	if o.Relaxed {
		synchronous = "OFF"
	}
	if o.synchronous != "" {
		synchronous = o.synchronous
	}
	writing, reading := caches(o.PageCache)
	writer, err := openSQLitePool(path, o.vfs, 1, "busy_timeout(10000)", "journal_mode(WAL)", "synchronous("+synchronous+")", "foreign_keys(1)",
		"temp_store(MEMORY)", writing, fmt.Sprintf("wal_autocheckpoint(%d)", cmp.Or(o.checkpoint, 2000)), "journal_size_limit(67108864)")
	if err != nil {
		return nil, err
	}
	readers, err := openSQLitePool(path, o.vfs, sqliteReaders(), "busy_timeout(10000)", "query_only(1)", "temp_store(MEMORY)", reading)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, readers.Close(), writer.Close())
		}
	}()
	if err = migrate(ctx, writer, false, path, o.Migrations, o.Log); err != nil {
		return nil, err
	}
	if err = readers.PingContext(ctx); err != nil {
		return nil, err
	}
	w, err := startWriter(ctx, writer, path, o.Log)
	if err != nil {
		return nil, err
	}
	return &DB{readers: readers, stmts: newStmtCache(readers), engine: &sqliteEngine{writer: w, pool: writer, lock: lock}}, nil
}

// caches are the pragmas of how much of the file the writing connection keeps, and each of those that read.
func caches(together int64) (writing, reading string) {
	if together <= 0 {
		return "cache_size(-16000)", "cache_size(-8000)"
	}
	half := together >> 11 // KiB
	return fmt.Sprintf("cache_size(-%d)", max(1, half)), fmt.Sprintf("cache_size(-%d)", max(1, half/int64(sqliteReaders())))
}

// openSQLitePool opens at most n connections with the pragmas.
func openSQLitePool(path, vfs string, n int, pragmas ...string) (*sql.DB, error) {
	// _dqs=0: a misspelt column in double quotes is an error, not a string. _defensive: SQL cannot harm the file.
	q := url.Values{"_pragma": pragmas, "_dqs": {"0"}, "_defensive": {"1"}, "_error_rc": {"1"}}
	if vfs != "" {
		q.Set("vfs", vfs)
	}
	// A file: URI, escaped, so that ? and # in a folder's name stay what they are.
	dsn := (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// prepareFile makes the folder and the file where they are missing, takes the lock that keeps other processes out, and
// sees that only we can read the file. SQLite gives its log and index the mode of the file.
func prepareFile(path string, log *slog.Logger) (*fileLock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("%s: making its folder: %w", path, err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := checkFile(path, log); err != nil {
		lock.release()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return lock, nil
}

// checkFile must run before SQLite opens the file: closing a second descriptor would drop SQLite's own locks.
func checkFile(path string, log *slog.Logger) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("opening the database: %w", errors.Unwrap(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("this is no file, so it cannot hold a database")
	}
	head := make([]byte, len(sqliteHeader))
	switch n, err := io.ReadFull(f, head); {
	case n == 0 && errors.Is(err, io.EOF): // new
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("reading the database: %w", err)
	case string(head[:n]) != sqliteHeader:
		return errNotADatabase
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		switch info, err := os.Stat(name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case info.Mode().Perm()&0o077 != 0:
			log.Warn("others could read the database; its mode is now 0600", "file", name, "mode", info.Mode().Perm().String())
			if err := os.Chmod(name, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

var errNotADatabase = errors.New("the file is not an SQLite database; it was left as it is")

// explainSQLite says in words what SQLite has codes for.
func explainSQLite(path string, err error) error {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s: %w (%w)", path, errNotADatabase, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s: the database is damaged; restore a backup: %w", path, err)
	}
	if strings.Contains(err.Error(), path) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

type sqliteEngine struct {
	*writer
	pool *sql.DB
	lock *fileLock
}

func (e *sqliteEngine) postgres() bool { return false }

func (e *sqliteEngine) close() error {
	err := errors.Join(e.writer.stop(), e.pool.Close())
	e.lock.release()
	return err
}

// sqliteConn is the writing connection, reached below database/sql where it is worth it: a grouped write is a handful
// of statements of a few microseconds each.
type sqliteConn struct {
	conn    *sql.Conn
	raw     driver.Conn
	stmts   map[string]driver.Stmt
	queries map[string]*sql.Stmt
	named   []driver.NamedValue // reused
}

// maxWriterStmts bounds the statements that the writer keeps prepared; writers' texts are fixed, so it is a backstop.
const maxWriterStmts = 1024

func newSQLiteConn(ctx context.Context, pool *sql.DB) (*sqliteConn, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := &sqliteConn{conn: conn, stmts: map[string]driver.Stmt{}, queries: map[string]*sql.Stmt{}}
	// Using the driver's connection after Raw returns is sound here, and only here: the pool has one connection, conn
	// holds it until close, and one goroutine at a time uses either.
	if err := conn.Raw(func(dc any) error { c.raw = dc.(driver.Conn); return nil }); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

func (c *sqliteConn) prepare(query string) (driver.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.raw.Prepare(query)
	if err != nil {
		return nil, err
	}
	if len(c.stmts) >= maxWriterStmts {
		for _, old := range c.stmts {
			_ = old.Close()
		}
		clear(c.stmts)
	}
	c.stmts[query] = s
	return s, nil
}

// run executes a prepared statement. The context is left out on purpose: interrupting one statement of a group makes
// SQLite undo the whole group.
func (c *sqliteConn) run(query string, args []any) (driver.Result, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	c.named = c.named[:0]
	for i, v := range args {
		switch v.(type) {
		case int64, string, []byte, nil: // what they nearly always are
		default:
			if v, err = driver.DefaultParameterConverter.ConvertValue(v); err != nil {
				return nil, fmt.Errorf("sqldb: argument $%d: %w", i+1, err)
			}
		}
		c.named = append(c.named, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	res, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.named)
	clear(c.named)
	return res, err
}

func (c *sqliteConn) exec(_ context.Context, query string, args []any) (sql.Result, error) {
	return c.run(query, args)
}

func (c *sqliteConn) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return c.conn.QueryContext(context.WithoutCancel(ctx), query, args...)
}

// reading is the connection for statements that only read, which may be broken off.
type reading struct{ *sqliteConn }

func (c reading) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return c.conn.QueryContext(ctx, query, args...)
}

func (c reading) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	return c.conn.QueryRowContext(ctx, query, args...)
}

func (c *sqliteConn) queryRow(ctx context.Context, query string, args []any) *sql.Row {
	if ctx.Err() == nil {
		ctx = context.WithoutCancel(ctx)
	}
	// Only single rows are read with kept statements: a second use while rows of the first are being read would end those.
	s, ok := c.queries[query]
	if !ok {
		var err error
		if s, err = c.conn.PrepareContext(ctx, query); err != nil {
			return c.conn.QueryRowContext(ctx, query, args...) // which says what is wrong
		}
		if len(c.queries) >= maxWriterStmts {
			for _, old := range c.queries {
				_ = old.Close()
			}
			clear(c.queries)
		}
		c.queries[query] = s
	}
	return s.QueryRowContext(ctx, args...)
}

func (c *sqliteConn) close() error {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	for _, s := range c.queries {
		_ = s.Close()
	}
	return c.conn.Close()
}

func (c *sqliteConn) insertText(a *Append, n int) string { return a.sqlite(n) }
