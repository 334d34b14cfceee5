package bulk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// upload takes a job's content in, piece by piece (crm-wire 4.1).
func (s *Server) upload(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := web.CheckContentType(r, "text/csv"); err != nil {
		return err
	}
	if err := web.Gunzip(w, r, maxUpload); err != nil {
		return err
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return fault.New(fault.Unsupported, web.CodeContentType, "Send the body without a content encoding, or in gzip.")
	}
	if c.job.Uploaded { // the vendor's words, with their mistake
		return fault.New(fault.Invalid, org.CodeBulkSecondUpload, "Found multipe contents for job: <%s>, please 'Close' / 'Abort' / 'Delete' the current Job then create a new Job "+
			"and make sure you only do 'PUT' once on a given Job.", c.job.ID)
	}
	if err := s.room(r.Context(), c.job.Org); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	body := &patient{in: http.MaxBytesReader(w, r.Body, maxUpload), wait: func() error {
		return control.SetReadDeadline(time.Now().Add(streamTime))
	}}
	if err := s.receive(r.Context(), c.job, body); err != nil {
		return err
	}
	// The time to answer runs from the headers; an upload may have taken longer than all of it.
	if err := control.SetWriteDeadline(time.Now().Add(streamTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	s.Edge.Send(w, r, http.StatusCreated, nil)
	return nil
}

// room refuses what would be kept where the org keeps as much as it may.
func (o Options) room(ctx context.Context, orgID org.ID) error {
	kept, err := o.Store.BulkBytes(ctx, orgID)
	if err == nil && kept > maxKept {
		err = fault.New(fault.Limited, org.CodeBulkQuota, "The uploads and results that this org keeps are over %d bytes: delete jobs.", int64(maxKept))
	}
	return err
}

// patient reads a stream as long as some of it comes again and again.
type patient struct {
	in   io.Reader
	wait func() error
	read int // since the deadline moved
}

func (p *patient) Read(b []byte) (int, error) {
	if p.read == 0 || p.read >= 64<<10 {
		if err := p.wait(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return 0, err
		}
		p.read = 0
	}
	n, err := p.in.Read(b)
	p.read += n
	return n, err
}

// forgetTime bounds how long it takes to forget an upload.
const forgetTime = 5 * time.Second

// receive keeps what comes as the upload of a job. What was kept of one that breaks off is forgotten.
func (s *Server) receive(ctx context.Context, j org.BulkJob, in io.Reader) error {
	upload := newUpload()
	if err := s.Store.BeginUpload(ctx, j.Org, j.ID, upload); err != nil {
		return err
	}
	err := s.take(ctx, j, upload, in)
	if err != nil {
		forget, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTime)
		defer cancel()
		if now, e := s.Store.BulkJob(forget, j.Org, j.ID); e == nil && now.Upload == upload && !now.Uploaded {
			if e := s.Store.BeginUpload(forget, j.Org, j.ID, ""); e != nil && fault.CodeOf(e) != org.CodeBulkState {
				s.Log.WarnContext(ctx, "an upload that broke off is kept until its job goes", "org", j.Org, "job", j.ID, "error", e)
			}
		}
	}
	return err
}

// take keeps an upload in chunks, and then says that it is whole.
func (s *Server) take(ctx context.Context, j org.BulkJob, upload string, in io.Reader) error {
	buf := make([]byte, org.BulkChunk)
	size := int64(0)
	for seq := int64(0); ; seq++ {
		n, err := io.ReadFull(in, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			if fault.KindOf(err) != fault.Internal {
				return err
			}
			return web.BodyError(err)
		}
		if n > 0 {
			if err := s.Store.AddChunk(ctx, j.Org, j.ID, upload, seq, buf[:n]); err != nil {
				return err
			}
			size += int64(n)
		}
		if err != nil {
			break
		}
	}
	return s.Store.EndUpload(ctx, j.Org, j.ID, upload, size, s.Clock.Now(string(j.Org)))
}

// content reads an upload from a byte on.
type content struct {
	ctx   context.Context
	store org.BulkStore
	job   org.BulkJob
	at    int64
	chunk []byte // what is left of the one that at is in
}

func (c *content) Read(b []byte) (int, error) {
	if c.at >= c.job.Size {
		return 0, io.EOF
	}
	if len(c.chunk) == 0 {
		data, err := c.store.Chunk(c.ctx, c.job, c.at/org.BulkChunk)
		if err != nil {
			return 0, err
		}
		if c.chunk = data[min(c.at%org.BulkChunk, int64(len(data))):]; len(c.chunk) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	n := copy(b, c.chunk)
	c.chunk, c.at = c.chunk[n:], c.at+int64(n)
	return n, nil
}

// header reads the first row of an upload.
func (s *Server) header(ctx context.Context, j org.BulkJob) ([]string, error) {
	r := newReader(&content{ctx: ctx, store: s.Store, job: j}, j.Delimiter, j.CRLF, 0)
	r.skipMark()
	row, err := r.next()
	if bad := (*badCSV)(nil); errors.Is(err, io.EOF) || errors.As(err, &bad) {
		return nil, nil // a job that failed for it
	}
	return row, err
}

// stream is an answer of CSV, written piece by piece.
type stream struct {
	w       *web.PackingWriter
	control *http.ResponseController
}

func openStream(w http.ResponseWriter, r *http.Request) *stream {
	w.Header().Set("Content-Type", "text/csv;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	return &stream{web.Packing(w, r), http.NewResponseController(w)}
}

func (s *stream) write(b []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := s.w.Write(b)
	return err
}

// end closes the stream. One that broke off must not look whole to its reader: the connection is cut.
func (s *stream) end(err error) {
	if err == nil {
		err = s.w.Close()
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// results answers successfulResults, failedResults and unprocessedrecords, in any letter case (crm-wire 4.1).
func (s *Server) results(w http.ResponseWriter, r *http.Request, c *call) error {
	which := strings.ToLower(r.PathValue("results"))
	failed := which == "failedresults"
	if which != "successfulresults" && !failed && which != "unprocessedrecords" {
		return noJob()
	}
	if !c.job.State.Final() {
		return fault.New(fault.Invalid, org.CodeBulkState, "The results of a job that is in the state %s are not there yet.", c.job.State)
	}
	ctx := r.Context()
	if which == "unprocessedrecords" {
		return s.unprocessed(w, r, c.job)
	}
	head, err := s.Store.Page(ctx, c.job, failed, org.BulkHeader-1)
	if fault.KindOf(err) == fault.NotFound { // the job never came to its first row
		out := writer{delimiter: c.job.Delimiter, crlf: c.job.CRLF}
		resultHeader(&out, failed, nil)
		head, err = org.BulkPage{Seq: org.BulkHeader, Data: out.out}, nil
	}
	if err != nil {
		return err
	}
	st := openStream(w, r)
	st.end(s.pages(ctx, c.job, failed, st, head))
	return nil
}

// resultHeader writes the header of a load's results (crm-wire 4.1).
func resultHeader(out *writer, failed bool, columns []string) {
	out.value("sf__Id")
	if failed {
		out.value("sf__Error")
	} else {
		out.value("sf__Created")
	}
	for _, name := range columns {
		out.value(name)
	}
	out.end()
}

// unprocessed answers the rows that no step of the job came to, under the header that they were uploaded with.
func (s *Server) unprocessed(w http.ResponseWriter, r *http.Request, j org.BulkJob) error {
	ctx := r.Context()
	var columns []string
	head, err := s.Store.Page(ctx, j, false, org.BulkHeader-1)
	if err == nil {
		if row, e := newReader(bytes.NewReader(head.Data), j.Delimiter, j.CRLF, 0).next(); e == nil { // our own pages can be read
			columns = row[2:]
		}
	} else if fault.KindOf(err) == fault.NotFound && j.Uploaded {
		columns, err = s.header(ctx, j)
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	out := writer{delimiter: j.Delimiter, crlf: j.CRLF}
	for _, name := range columns {
		out.value(name)
	}
	if out.begun {
		out.end()
	}
	st := openStream(w, r)
	err = st.write(out.out)
	if err == nil && j.Uploaded && j.State != org.BulkJobComplete {
		err = s.rest(ctx, j, st)
	}
	st.end(err)
	return nil
}

// pages writes a page and all that follow it.
func (s *Server) pages(ctx context.Context, j org.BulkJob, failed bool, st *stream, page org.BulkPage) error {
	for {
		if err := st.write(page.Data); err != nil {
			return err
		}
		var err error
		page, err = s.Store.Page(ctx, j, failed, page.Seq)
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rest writes what no step of the job came to, as it was uploaded.
func (s *Server) rest(ctx context.Context, j org.BulkJob, st *stream) error {
	at := j.Next
	if at == 0 { // not even the header
		r := newReader(&content{ctx: ctx, store: s.Store, job: j}, j.Delimiter, j.CRLF, 0)
		r.skipMark()
		if _, err := r.next(); err == nil {
			at = r.at
		} // a header that cannot be read is sent back with all that follows it
	}
	in := &content{ctx: ctx, store: s.Store, job: j, at: at}
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := st.write(buf[:n]); err != nil {
			return err
		}
	}
}

// answerRows is how many rows of a query's answer come at once where the client does not say.
const answerRows = 50_000

// answer streams rows of a query's answer. The headers tell how many they are and where the next ones begin; clients
// break without them (crm-wire 4.2).
func (s *Server) answer(w http.ResponseWriter, r *http.Request, c *call) error {
	query, err := web.Query(r)
	if err != nil {
		return err
	}
	if c.job.State != org.BulkJobComplete {
		return fault.New(fault.Invalid, org.CodeBulkState, "The results of a job that is in the state %s are not there.", c.job.State)
	}
	from, most := int64(0), int64(answerRows)
	if at := query.Get("locator"); at != "" && at != "null" {
		if from, err = parseLocator(at); err != nil {
			return err
		}
	}
	if text := query.Get("maxRecords"); text != "" {
		if most, err = strconv.ParseInt(text, 10, 64); err != nil || most < 1 {
			return invalidJob("maxRecords is a number from 1 on.")
		}
	}
	total := c.job.Processed
	if from > 0 && from >= total {
		return fault.New(fault.Invalid, soql.CodeInvalidLocator, "invalid query locator")
	}
	upTo := min(total, from+min(most, total))
	h := w.Header()
	h["Sforce-Numberofrecords"] = []string{strconv.FormatInt(upTo-from, 10)}
	h["Sforce-Locator"] = []string{"null"}
	if upTo < total {
		h["Sforce-Locator"] = []string{strconv.FormatInt(upTo, 36)}
	}
	head, err := s.Store.Page(r.Context(), c.job, false, org.BulkHeader-1)
	if err != nil {
		return err
	}
	st := openStream(w, r)
	if err = st.write(head.Data); err == nil {
		err = s.rows(r.Context(), c.job, st, from, upTo)
	}
	st.end(err)
	return nil
}

// rows writes rows of a query's answer.
func (s *Server) rows(ctx context.Context, j org.BulkJob, st *stream, from, upTo int64) error {
	if from == upTo {
		return nil
	}
	page, err := s.Store.PageOf(ctx, j, from)
	for ; err == nil && page.Seq < upTo; page, err = s.Store.Page(ctx, j, false, page.Seq) {
		data := page.Data
		if from > page.Seq || upTo < page.Seq+page.Rows {
			data = cut(j, page, max(from, page.Seq), min(upTo, page.Seq+page.Rows))
		}
		if err := st.write(data); err != nil {
			return err
		}
		if page.Seq+page.Rows >= upTo {
			return nil
		}
	}
	return err
}

// cut gives some rows of a page.
func cut(j org.BulkJob, p org.BulkPage, from, upTo int64) []byte {
	r := newReader(bytes.NewReader(p.Data), j.Delimiter, j.CRLF, 0)
	start := int64(0)
	for n := p.Seq; n < upTo; n++ {
		if n == from {
			start = r.at
		}
		if _, err := r.next(); err != nil {
			break // our own pages can be read
		}
	}
	return p.Data[start:r.at]
}
