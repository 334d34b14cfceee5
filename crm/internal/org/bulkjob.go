package org

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// PrefixBulkJob is the key prefix of Bulk API jobs (crm-wire 4.1).
const PrefixBulkJob = "750"

// BulkKind tells the two kinds of job of the Bulk API 2.0 apart.
type BulkKind string

// The kinds, spelled as in paths.
const (
	BulkIngest BulkKind = "ingest"
	BulkQuery  BulkKind = "query"
)

// BulkState is where a job stands, spelled as on the wire (crm-wire 4.1).
type BulkState string

// The states; the last three are final.
const (
	BulkOpen           BulkState = "Open"
	BulkUploadComplete BulkState = "UploadComplete"
	BulkInProgress     BulkState = "InProgress"
	BulkJobComplete    BulkState = "JobComplete"
	BulkFailed         BulkState = "Failed"
	BulkAborted        BulkState = "Aborted"
)

// Final reports whether the state is a job's last.
func (s BulkState) Final() bool {
	return slices.Contains([]BulkState{BulkJobComplete, BulkFailed, BulkAborted}, s)
}

// BulkJob is a job of the Bulk API 2.0.
type BulkJob struct {
	Org, ID  ID
	Kind     BulkKind
	User     ID // whose rights it has, as of the moment of each step
	App      ID // of the session that made it; "" where none
	Delegate ID // who was logged in as the user; "" for himself

	Operation  string // "insert", "update", "upsert", "delete", "hardDelete"; "query", "queryAll"
	Object     string // API name; of a query too
	ExternalID string // field of an upsert
	Query      string
	CRLF       bool // how lines end in uploads and results
	Delimiter  byte // between columns
	Version    string

	State    BulkState
	Created  time.Time // domain time
	Modified time.Time
	Upload   string // names the upload that counts; "" before there is one
	Uploaded bool   // the upload came to its end
	Size     int64  // of the upload, in bytes
	// Next is the byte of the upload at which the first row stands that has not been processed; 0 before the header.
	Next      int64
	Spent     int64 // batches of the daily allowance
	Processed int64 // rows; of a query, those found
	Failed    int64 // of them
	Error     string
	Millis    int64 // that processing took
}

// BulkChunk is the length in bytes of every chunk of an upload but the last.
const BulkChunk = 256 << 10

// BulkPage is some rows of a result, as CSV.
type BulkPage struct {
	Failed bool
	// Seq is the place of the first row: its byte in the upload, or its number in a query's answer.
	Seq  int64
	Rows int64
	Data []byte
}

// BulkHeader is the Seq of the page that holds a result's header and no row.
const BulkHeader = -1

// Codes of refusals of jobs.
const (
	CodeBulkState        fault.Code = "bulk_job_state"      // the job is not in a state for what is asked of it
	CodeBulkInvalidJob   fault.Code = "bulk_invalid_job"    // a job that cannot be made as it was asked for
	CodeBulkEntity       fault.Code = "bulk_invalid_entity" // an object that is not there, or not for the operation
	CodeBulkSecondUpload fault.Code = "bulk_second_upload"
	CodeBulkQuota        fault.Code = "bulk_quota"
	CodeBulkHardDelete   fault.Code = "bulk_hard_delete" // without the permission for it
)

// BulkStore keeps jobs. A job that is not there is a NotFound fault.
type BulkStore interface {
	// AddBulkJob adds a job; one in the state UploadComplete is queued with it.
	AddBulkJob(ctx context.Context, j BulkJob) error
	// BulkJob reads one.
	BulkJob(ctx context.Context, org, id ID) (BulkJob, error)
	// BulkJobs lists at most limit jobs of a kind, the youngest first, that were made before another; of one user, or of
	// all where that is "".
	BulkJobs(ctx context.Context, org ID, kind BulkKind, user ID, before BulkJob, limit int) ([]BulkJob, error)
	// MoveBulkJob changes the state of a job that is in one of the states from, and is a fault with CodeBulkState for
	// another. One that comes to UploadComplete is queued with it.
	MoveBulkJob(ctx context.Context, org, id ID, at time.Time, to BulkState, from ...BulkState) (BulkJob, error)
	// DeleteBulkJob deletes a job that is in a final state or waits, with all that belongs to it.
	DeleteBulkJob(ctx context.Context, org, id ID) error
	// BeginUpload names the upload of an open job from now on.
	BeginUpload(ctx context.Context, org, id ID, upload string) error
	// AddChunk keeps a chunk of it; the first is 0.
	AddChunk(ctx context.Context, org, id ID, upload string, seq int64, data []byte) error
	// EndUpload says that all of an upload is there, unless another one has begun.
	EndUpload(ctx context.Context, org, id ID, upload string, size int64, at time.Time) error
	// Chunk reads one.
	Chunk(ctx context.Context, j BulkJob, seq int64) ([]byte, error)
	// Page reads the first page of results after seq; none is a NotFound fault.
	Page(ctx context.Context, j BulkJob, failed bool, after int64) (BulkPage, error)
	// BulkBytes is how many bytes of uploads that are not loaded yet, and of results, the org keeps.
	BulkBytes(ctx context.Context, org ID) (int64, error)
}

// BulkStep is what one step of a job has come to.
type BulkStep struct {
	Next   int64 // byte of the upload that the next step begins at
	Spent  int64 // batches, in all
	Pages  []BulkPage
	Millis int64
}
