package jobs

import "context"

// Prune is what the queue does every minute.
func Prune(ctx context.Context, q *Queue) error { return q.prune(ctx) }
