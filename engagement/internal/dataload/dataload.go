// Package dataload does what data extensions leave to the durable queue: asynchronous requests to write rows, and the
// removal of the rows of data extensions that were taken away. Both may be cut short anywhere and go on where they were.
package dataload

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Handle gives the handlers to the queue, which must not have been started.
func Handle(q *jobs.Queue, service *tenant.DataExtensions, store *sqlstore.Data) {
	q.Handle(sqlstore.JobLoad, func(ctx context.Context, r *jobs.Run) error {
		var p sqlstore.LoadPayload
		if err := json.Unmarshal(r.Payload, &p); err != nil {
			return jobs.Permanent(fmt.Errorf("dataload: reading a job: %w", err))
		}
		return service.RunLoad(ctx, p.Tenant, p.MID, p.Load)
	})
	q.Handle(sqlstore.JobPurge, func(ctx context.Context, r *jobs.Run) error {
		var p sqlstore.PurgePayload
		if err := json.Unmarshal(r.Payload, &p); err != nil {
			return jobs.Permanent(fmt.Errorf("dataload: reading a job: %w", err))
		}
		for {
			more, err := store.Purge(ctx, p)
			if err != nil || !more {
				return err
			}
		}
	})
}
