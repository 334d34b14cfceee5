package migration

import (
	"context"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
)

// CodeNoName: a day has more files than names.
const CodeNoName fault.Code = "no_file_name"

// files writes the files of the run's pass.
func (w *Worker) files(ctx context.Context, job *jobs.Run, r Run) error {
	return w.work.Advance(ctx, job, r, Over, w.machine())
}
