// Package bulk is the Bulk API 2.0: jobs that load records from CSV and jobs that answer queries as CSV, streamed both
// ways and worked on in the background (crm-wire 4).
package bulk

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// Edge is what the Bulk API shares with the REST API beside it: sessions, the meter and the shape of refusals.
type Edge interface {
	// Accept authenticates a request, counts it and tells the version that its path names.
	Accept(w http.ResponseWriter, r *http.Request) (s org.Session, version string, err error)
	// Refuse answers with an error.
	Refuse(w http.ResponseWriter, r *http.Request, err error)
	// Send answers with a value as JSON; nil sends none.
	Send(w http.ResponseWriter, r *http.Request, status int, body any)
	// Decode reads JSON into a value.
	Decode(body []byte, v any) error
	// PerRecord names a refusal of one record among many.
	PerRecord(err error) (code, message string, fields []string)
}

// Options are what a Server and its workers need.
type Options struct {
	Edge    Edge
	Store   Store
	Records *org.Records
	Queries *soql.Runner
	Meter   *org.Meter
	// Session makes the session that a job has: its user's as of now. A user who may not get in is a fault of a kind
	// other than Internal and Unavailable.
	Session func(ctx context.Context, j org.BulkJob) (org.Session, error)
	Clock   *clock.Domain
	Log     *slog.Logger
}

// Server serves the API.
type Server struct{ Options }

// Bounds (crm-wire 4.4), and our own of what an org may keep at once.
const (
	maxUpload    = 150_000_000
	maxKept      = 4_000_000_000 // bytes of uploads and results that an org keeps
	maxMultipart = 100_000       // characters of a job that comes with its content
	maxJobBody   = 64 << 10
	listAtATime  = 1000
	// streamTime is how long a client may take for a part of a stream, after which the connection ends.
	streamTime = 30 * time.Second
)

// Mount routes the API under /services/data/{version}/jobs.
func (s *Server) Mount(m *web.Mux) {
	for _, kind := range []org.BulkKind{org.BulkIngest, org.BulkQuery} {
		base := "/services/data/{version}/jobs/" + string(kind)
		m.Handle("POST "+base, s.handle(kind, s.create))
		m.Handle("GET "+base, s.handle(kind, s.list))
		m.Handle("GET "+base+"/{id}", s.handle(kind, s.show))
		m.Handle("PATCH "+base+"/{id}", s.handle(kind, s.patch))
		m.Handle("DELETE "+base+"/{id}", s.handle(kind, s.remove))
	}
	ingest, query := "/services/data/{version}/jobs/ingest/{id}", "/services/data/{version}/jobs/query/{id}"
	m.Handle("PUT "+ingest+"/batches", s.handle(org.BulkIngest, s.upload))
	m.Handle("GET "+ingest+"/{results}", s.handle(org.BulkIngest, s.results))
	m.Handle("GET "+query+"/results", s.handle(org.BulkQuery, s.answer))
	m.HandleFunc("/services/async/{version}/{rest...}", refuseFirst)
}

// call is a request, parsed as far as all have it in common.
type call struct {
	kind    org.BulkKind
	session org.Session
	version string // "65.0"
	base    string // "/services/data/v65.0/jobs/ingest"
	job     org.BulkJob
}

type handler func(http.ResponseWriter, *http.Request, *call) error

func (s *Server) handle(kind org.BulkKind, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{kind: kind}
		var err error
		if c.session, c.version, err = s.Edge.Accept(w, r); err == nil {
			c.base = "/services/data/v" + c.version + "/jobs/" + string(kind)
			if id := r.PathValue("id"); id != "" {
				c.job, err = s.find(r.Context(), c, id)
			}
		}
		if err == nil {
			err = h(w, r, c)
		}
		if err != nil {
			s.Edge.Refuse(w, r, err)
		}
	})
}

func noJob() error {
	return fault.New(fault.NotFound, org.CodeNotFound, "The requested resource does not exist")
}

// find reads the job of a path. Jobs of others are there for who may change all data.
func (s *Server) find(ctx context.Context, c *call, text string) (org.BulkJob, error) {
	id, err := org.ParseID(text)
	if err != nil {
		return org.BulkJob{}, noJob()
	}
	j, err := s.Store.BulkJob(ctx, c.session.Org, id)
	switch {
	case fault.KindOf(err) == fault.NotFound, err == nil && (j.Kind != c.kind || j.User != c.session.User && !c.session.Permissions[org.PermModifyAllData]):
		return org.BulkJob{}, noJob()
	}
	return j, err
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, c *call) error {
	query, err := web.Query(r)
	if err != nil {
		return err
	}
	var before org.BulkJob
	if at := query.Get("queryLocator"); at != "" {
		id, err := org.ParseID(at)
		if err == nil {
			before, err = s.Store.BulkJob(r.Context(), c.session.Org, id)
		}
		if err != nil {
			return fault.New(fault.Invalid, soql.CodeInvalidLocator, "invalid query locator")
		}
	}
	user := c.session.User
	if c.session.Permissions[org.PermModifyAllData] {
		user = ""
	}
	jobs, err := s.Store.BulkJobs(r.Context(), c.session.Org, c.kind, user, before, listAtATime+1)
	if err != nil {
		return err
	}
	out := jobList{Done: true, Records: []jobInfo{}}
	if len(jobs) > listAtATime {
		jobs = jobs[:listAtATime]
		next := c.base + "?queryLocator=" + string(jobs[listAtATime-1].ID)
		out.Done, out.NextRecordsURL = false, &next
	}
	for _, j := range jobs {
		out.Records = append(out.Records, infoOf(j))
	}
	s.Edge.Send(w, r, http.StatusOK, out)
	return nil
}

func (s *Server) show(w http.ResponseWriter, r *http.Request, c *call) error {
	s.Edge.Send(w, r, http.StatusOK, stateOf(c.job))
	return nil
}

// patch closes or aborts a job (crm-wire 4.1).
func (s *Server) patch(w http.ResponseWriter, r *http.Request, c *call) error {
	var in struct {
		State string `json:"state"`
	}
	if err := s.readJSON(w, r, &in); err != nil {
		return err
	}
	now := s.Clock.Now(string(c.session.Org))
	var j org.BulkJob
	var err error
	switch to := org.BulkState(in.State); {
	case to == org.BulkAborted:
		j, err = s.Store.MoveBulkJob(r.Context(), c.job.Org, c.job.ID, now, to, org.BulkOpen, org.BulkUploadComplete, org.BulkInProgress)
	case to == org.BulkUploadComplete && c.kind == org.BulkIngest:
		j, err = s.Store.MoveBulkJob(r.Context(), c.job.Org, c.job.ID, now, to, org.BulkOpen)
	default:
		return fault.New(fault.Invalid, org.CodeBulkInvalidJob, "A job is set to the state Aborted%s.", map[bool]string{true: " or UploadComplete"}[c.kind == org.BulkIngest])
	}
	if err != nil {
		return err
	}
	s.Edge.Send(w, r, http.StatusOK, infoOf(j))
	return nil
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := s.Store.DeleteBulkJob(r.Context(), c.job.Org, c.job.ID); err != nil {
		return err
	}
	s.Edge.Send(w, r, http.StatusNoContent, nil)
	return nil
}

func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if err := web.CheckContentType(r, "application/json"); err != nil {
		return err
	}
	if err := web.Gunzip(w, r, maxJobBody); err != nil {
		return err
	}
	body, err := web.ReadBody(w, r, maxJobBody)
	if err != nil {
		return err
	}
	return s.Edge.Decode(body, v)
}

// newUpload names an upload.
func newUpload() string { return oauth.NewToken(16) }

// delimiters are the names of the columns' delimiters (crm-wire 4.1).
var delimiters = map[string]byte{"COMMA": ',', "SEMICOLON": ';', "PIPE": '|', "TAB": '\t', "CARET": '^', "BACKQUOTE": '`'}

func delimiterName(d byte) string {
	for name, have := range delimiters {
		if have == d {
			return name
		}
	}
	return "COMMA"
}

// jobInfo is a job as the API shows it (crm-wire 4.1).
type jobInfo struct {
	ID              org.ID        `json:"id"`
	Operation       string        `json:"operation"`
	Object          string        `json:"object"`
	CreatedByID     org.ID        `json:"createdById"`
	CreatedDate     string        `json:"createdDate"`
	SystemModstamp  string        `json:"systemModstamp"`
	State           org.BulkState `json:"state"`
	ExternalID      string        `json:"externalIdFieldName,omitempty"`
	ConcurrencyMode string        `json:"concurrencyMode"`
	ContentType     string        `json:"contentType"`
	APIVersion      version       `json:"apiVersion"`
	JobType         string        `json:"jobType,omitempty"`
	ContentURL      string        `json:"contentUrl,omitempty"`
	LineEnding      string        `json:"lineEnding"`
	ColumnDelimiter string        `json:"columnDelimiter"`
}

// version is a number of the API, which this resource writes as a JSON number, "65.0".
type version string

// MarshalJSON implements json.Marshaler.
func (v version) MarshalJSON() ([]byte, error) { return []byte(v), nil }

type jobList struct {
	Done           bool      `json:"done"`
	NextRecordsURL *string   `json:"nextRecordsUrl"`
	Records        []jobInfo `json:"records"`
}

// jobState is a job with how far it has come.
type jobState struct {
	jobInfo
	Retries             int    `json:"retries"`
	TotalProcessingTime int64  `json:"totalProcessingTime"`
	APIActiveTime       *int64 `json:"apiActiveProcessingTime,omitempty"`
	ApexTime            *int64 `json:"apexProcessingTime,omitempty"`
	Processed           int64  `json:"numberRecordsProcessed"`
	Failed              *int64 `json:"numberRecordsFailed,omitempty"`
	ErrorMessage        string `json:"errorMessage,omitempty"`
	IsPkChunking        *bool  `json:"isPkChunkingSupported,omitempty"`
}

func infoOf(j org.BulkJob) jobInfo {
	i := jobInfo{
		ID: j.ID, Operation: j.Operation, Object: j.Object, CreatedByID: j.User, CreatedDate: org.FormatDateTime(j.Created),
		SystemModstamp: org.FormatDateTime(j.Modified), State: j.State, ExternalID: j.ExternalID, ConcurrencyMode: "Parallel", ContentType: "CSV",
		APIVersion: version(j.Version), JobType: "V2Ingest", LineEnding: "LF", ColumnDelimiter: delimiterName(j.Delimiter),
	}
	if j.CRLF {
		i.LineEnding = "CRLF"
	}
	if j.Kind == org.BulkQuery {
		i.JobType = "V2Query"
	} else if j.State == org.BulkOpen {
		i.ContentURL = "services/data/v" + j.Version + "/jobs/ingest/" + string(j.ID) + "/batches"
	}
	return i
}

func stateOf(j org.BulkJob) jobState {
	st := jobState{jobInfo: infoOf(j), TotalProcessingTime: j.Millis, Processed: j.Processed, ErrorMessage: j.Error}
	if j.Kind == org.BulkIngest {
		var none int64
		st.APIActiveTime, st.ApexTime, st.Failed = &j.Millis, &none, &j.Failed
	} else {
		no := false
		st.IsPkChunking = &no
	}
	return st
}

// locator is where a query's results go on: the number of a row. The real one looks the same (crm-wire 4.2).
func parseLocator(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 36, 64)
	if err != nil || n < 0 || strings.ToLower(text) != strconv.FormatInt(n, 36) {
		return 0, fault.New(fault.Invalid, soql.CodeInvalidLocator, "invalid query locator")
	}
	return n, nil
}
