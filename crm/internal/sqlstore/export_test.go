package sqlstore

import (
	"context"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
)

// SQL is what a plan is rendered to, for tests that ask the database how it would answer.
func (s *Store) SQL(orgID org.ID, p *soql.Plan) (string, []any, error) {
	return s.source(context.Background()).text(orgID, p, layoutOf(p), 0, soql.DefaultBatch)
}
