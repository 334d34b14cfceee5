package sqlstore

import (
	"context"
	"sync"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// spentFor is how long an assertion is remembered at least: its life of 5 minutes and the skew, with room to spare.
// It runs in machine time; moving a tenant's clock back does not make an assertion young again within it.
const spentFor = 10 * time.Minute

var errReplayed = fault.New(fault.Invalid, tenant.CodeReplayed, "The assertion was used before.")

// SpendAssertion implements tenant.TokenStore. Alone on its database, a process remembers spent assertions in memory
// and finds them again in the token rows when it starts, so that a grant costs one appended row; where several share
// the database, a unique key decides between them.
func (s *Store) SpendAssertion(ctx context.Context, t tenant.AccessToken, assertion [32]byte) error {
	if s.spent != nil {
		if !s.spent.add(assertion, s.machine()) {
			return errReplayed
		}
		return taken(s.db.Append(ctx, appendToken, tokenRow(t, assertion[:])))
	}
	return taken(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := change(tx, `INSERT INTO spent_assertion (hash, token_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, assertion[:], t.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return errReplayed
		}
		_, err = tx.Exec(insertToken, tokenRow(t, assertion[:])...)
		return err
	}))
}

// loadSpent reads the assertions that may still be replayed.
func (s *Store) loadSpent(ctx context.Context) error {
	now := s.machine()
	rows, err := s.db.Query(ctx, `SELECT assertion_hash FROM access_token WHERE id >= $1 AND assertion_hash IS NOT NULL`, tenant.SerialAt(now.Add(-spentFor)))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var hash []byte
		if err := rows.Scan(&hash); err != nil {
			return err
		}
		if len(hash) == 32 {
			s.spent.add([32]byte(hash), now)
		}
	}
	return rows.Err()
}

// spentAssertions is a set whose members stay between one and two times spentFor: two generations, of which the older
// is dropped whole.
type spentAssertions struct {
	mu       sync.Mutex
	young    map[[32]byte]struct{}
	old      map[[32]byte]struct{}
	youngest time.Time // when young was begun
}

func newSpentAssertions() *spentAssertions {
	return &spentAssertions{young: map[[32]byte]struct{}{}}
}

// add puts the assertion into the set; false where it is in it already.
func (s *spentAssertions) add(hash [32]byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.youngest) >= spentFor {
		if now.Sub(s.youngest) >= 2*spentFor {
			s.young = map[[32]byte]struct{}{} // nobody was here for so long that both are out of date
		}
		s.old, s.young, s.youngest = s.young, map[[32]byte]struct{}{}, now
	}
	if _, ok := s.young[hash]; ok {
		return false
	}
	if _, ok := s.old[hash]; ok {
		return false
	}
	s.young[hash] = struct{}{}
	return true
}
