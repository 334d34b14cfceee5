package sqlstore_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
)

// A job is not closed on half of an upload, whether that is under way or broke off with the program.
func TestHalfAnUploadIsNotLoaded(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "halves")
		bulk := sqlstore.NewBulk(h.Store, jobs.New(h.Store.DB(), jobs.Options{})) // never started
		ctx, at := t.Context(), time.Unix(1e9, 0)
		j := org.BulkJob{
			Org: o.ID, ID: org.NewID(org.PrefixBulkJob), Kind: org.BulkIngest, User: o.Normal.User, Operation: "insert", Object: "Contact", Version: "65.0",
			State: org.BulkOpen, Created: at, Modified: at, Delimiter: ',',
		}
		done := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		complete := func() error {
			_, err := bulk.MoveBulkJob(ctx, j.Org, j.ID, at, org.BulkUploadComplete, org.BulkOpen)
			return err
		}
		done(bulk.AddBulkJob(ctx, j))
		done(bulk.BeginUpload(ctx, j.Org, j.ID, "first"))
		done(bulk.AddChunk(ctx, j.Org, j.ID, "first", 0, []byte("LastName\nA\nB")))
		if err := complete(); fault.CodeOf(err) != org.CodeBulkState {
			t.Fatalf("closed on half of an upload: %v", err)
		}
		// It is made again, whole.
		text := []byte("LastName\nA\nBee\n")
		done(bulk.BeginUpload(ctx, j.Org, j.ID, "second"))
		done(bulk.AddChunk(ctx, j.Org, j.ID, "second", 0, text))
		done(bulk.EndUpload(ctx, j.Org, j.ID, "second", int64(len(text)), at))
		done(complete())
	})
}
