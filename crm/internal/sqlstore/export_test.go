package sqlstore

import (
	"context"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/jobs"
)

// SQL is what a plan is rendered to, for tests that ask the database how it would answer.
func (s *Store) SQL(orgID org.ID, p *soql.Plan) (string, []any, error) {
	return s.source(context.Background()).text(orgID, p, layoutOf(p), 0, soql.DefaultBatch)
}

// FollowBin is one step of the handler that FollowBins returns.
func (s *Store) FollowBin(ctx context.Context, run *jobs.Run, records *org.Records, o org.Org, id org.ID) (bool, error) {
	return s.followBin(ctx, run, records, o, id)
}

// Spend takes all the time that queries of the transaction have left.
func (t Transaction) Spend() { *t.left = 0 }
