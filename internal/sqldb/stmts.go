package sqldb

import (
	"container/list"
	"context"
	"database/sql"
	"sync"
)

// maxStmts bounds the statements kept ready for reading. Texts made at run time (SOQL) share them with the fixed ones,
// so the least recently used goes first.
const maxStmts = 256

// stmtCache keeps statements of the reader pool prepared.
type stmtCache struct {
	db    *sql.DB
	mu    sync.Mutex
	byKey map[string]*list.Element
	order *list.List // of *cachedStmt, most recently used first
}

type cachedStmt struct {
	query string
	stmt  *sql.Stmt
}

func newStmtCache(db *sql.DB) *stmtCache {
	return &stmtCache{db: db, byKey: map[string]*list.Element{}, order: list.New()}
}

// get returns a prepared statement, or nil where it cannot be prepared; the query then says why itself.
func (c *stmtCache) get(ctx context.Context, query string) *sql.Stmt {
	c.mu.Lock()
	if e, ok := c.byKey[query]; ok {
		c.order.MoveToFront(e)
		s := e.Value.(*cachedStmt).stmt
		c.mu.Unlock()
		return s
	}
	c.mu.Unlock()
	s, err := c.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[query]; ok { // somebody else was quicker
		_ = s.Close()
		return e.Value.(*cachedStmt).stmt
	}
	c.byKey[query] = c.order.PushFront(&cachedStmt{query, s})
	if c.order.Len() > maxStmts {
		last := c.order.Back()
		old := c.order.Remove(last).(*cachedStmt)
		delete(c.byKey, old.query)
		// Rows that are still being read keep the statement alive; whoever looked it up just now prepares it again.
		_ = old.stmt.Close()
	}
	return s
}

func (c *stmtCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Front(); e != nil; e = e.Next() {
		_ = e.Value.(*cachedStmt).stmt.Close()
	}
	c.order.Init()
	clear(c.byKey)
}
