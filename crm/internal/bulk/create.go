package bulk

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// jobBody is what a client asks for; clients send members that do not concern the operation, empty or null.
type jobBody struct {
	Object          string  `json:"object"`
	Operation       string  `json:"operation"`
	ExternalID      *string `json:"externalIdFieldName"`
	Query           string  `json:"query"`
	ContentType     *string `json:"contentType"`
	LineEnding      *string `json:"lineEnding"`
	ColumnDelimiter *string `json:"columnDelimiter"`
}

func invalidJob(format string, args ...any) error {
	return fault.New(fault.Invalid, org.CodeBulkInvalidJob, format, args...)
}

func (s *Server) create(w http.ResponseWriter, r *http.Request, c *call) error {
	in, content, err := s.readJob(w, r, c.kind)
	if err != nil {
		return err
	}
	j, err := s.newJob(r.Context(), c, in)
	if err != nil {
		return err
	}
	if c.kind == org.BulkQuery {
		if _, err := s.Meter.Spend(r.Context(), c.session, org.AllowanceBulkQueries, 1); err != nil {
			return quota(err)
		}
		j.State = org.BulkUploadComplete
	}
	if err := s.Store.AddBulkJob(r.Context(), j); err != nil {
		return err
	}
	if content != nil {
		if err := s.receive(r.Context(), j, bytes.NewReader(content)); err != nil {
			return err
		}
		if j, err = s.Store.MoveBulkJob(r.Context(), j.Org, j.ID, j.Created, org.BulkUploadComplete, org.BulkOpen); err != nil {
			return err
		}
	}
	s.Edge.Send(w, r, http.StatusOK, infoOf(j))
	return nil
}

// quota words a refusal by one of the Bulk APIs' own allowances.
func quota(err error) error {
	if fault.CodeOf(err) != org.CodeRequestLimit {
		return err
	}
	return fault.New(fault.Limited, org.CodeBulkQuota, "The limit of the Bulk API for 24 hours is used up.")
}

func (s *Server) readJob(w http.ResponseWriter, r *http.Request, kind org.BulkKind) (in jobBody, content []byte, err error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || kind != org.BulkIngest {
		return in, nil, s.readJSON(w, r, &in)
	}
	body, err := web.ReadBody(w, r, maxJobBody+4*maxMultipart)
	if err != nil {
		return in, nil, err
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	seen := map[string][]byte{}
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return in, nil, fault.Wrap(err, fault.Invalid, org.CodeBulkInvalidJob, "The multipart body cannot be read.")
		}
		name := p.FormName()
		if name != "job" && name != "content" || seen[name] != nil {
			return in, nil, invalidJob("The body has one part job and one part content.")
		}
		// Bounded by the body.
		if seen[name], err = io.ReadAll(p); err != nil {
			return in, nil, fault.Wrap(err, fault.Invalid, org.CodeBulkInvalidJob, "The multipart body cannot be read.")
		}
	}
	if seen["job"] == nil || seen["content"] == nil {
		return in, nil, invalidJob("The body has one part job and one part content.")
	}
	if len([]rune(string(seen["content"]))) > maxMultipart {
		return in, nil, fault.New(fault.TooLarge, web.CodeBodyTooLarge, "A content of over %d characters is uploaded to a job of its own.", maxMultipart)
	}
	return in, seen["content"], s.Edge.Decode(seen["job"], &in)
}

func (s *Server) newJob(ctx context.Context, c *call, in jobBody) (org.BulkJob, error) {
	now := s.Clock.Now(string(c.session.Org))
	j := org.BulkJob{
		Org: c.session.Org, ID: org.NewID(org.PrefixBulkJob), Kind: c.kind, User: c.session.User, App: c.session.App, Delegate: c.session.Delegate,
		Operation: in.Operation, Version: c.version, State: org.BulkOpen, Created: now, Modified: now, Delimiter: ',',
	}
	if in.ContentType != nil && !strings.EqualFold(*in.ContentType, "CSV") && *in.ContentType != "" {
		return j, invalidJob("The contentType is CSV.")
	}
	if name := text(in.ColumnDelimiter); name != "" {
		d, ok := delimiters[strings.ToUpper(name)]
		if !ok {
			return j, invalidJob("The columnDelimiter is BACKQUOTE, CARET, COMMA, PIPE, SEMICOLON or TAB.")
		}
		j.Delimiter = d
	}
	switch strings.ToUpper(text(in.LineEnding)) {
	case "", "LF":
	case "CRLF":
		j.CRLF = true
	default:
		return j, invalidJob("The lineEnding is LF or CRLF.")
	}
	if c.kind == org.BulkQuery {
		return j, s.queryJob(ctx, c, in, &j)
	}
	return j, s.ingestJob(c, in, &j)
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func (s *Server) queryJob(ctx context.Context, c *call, in jobBody, j *org.BulkJob) error {
	if in.Operation != "query" && in.Operation != "queryAll" {
		return invalidJob("The operation is query or queryAll.")
	}
	p, err := s.Queries.Plan(ctx, c.session, in.Query, j.Created)
	if err != nil {
		return err
	}
	if p.Count || p.Aggregate || p.HasChildren() {
		return invalidJob("Aggregate queries and queries with child queries are not for the Bulk API.")
	}
	if p.Offset > 0 {
		return invalidJob("OFFSET is not for the Bulk API.")
	}
	j.Object, j.Query = p.Object.Name, in.Query
	return s.room(ctx, j.Org)
}

func (s *Server) ingestJob(c *call, in jobBody, j *org.BulkJob) error {
	o := s.Records.Schema(c.session).Object(in.Object, c.session.Permissions)
	if o == nil {
		return fault.New(fault.Invalid, org.CodeBulkEntity, "Entity '%.80s' is not supported by the Bulk API.", in.Object)
	}
	j.Object = o.Name
	can := true
	switch in.Operation {
	case "insert":
		can = o.Createable && o.Create.MetBy(c.session.Permissions)
	case "update":
		can = o.Updateable && o.Update.MetBy(c.session.Permissions)
	case "upsert":
		can = o.Createable && o.Updateable
		f := o.Field(text(in.ExternalID))
		if f == nil || !f.IDLookup && !f.ExternalID && f.Name != "Id" {
			return invalidJob("The externalIdFieldName of an upsert names an external id of the object.")
		}
		j.ExternalID = f.Name
	case "delete":
		can = o.Deletable && o.Delete.MetBy(c.session.Permissions)
	case "hardDelete":
		if !c.session.Permissions[org.PermBulkHardDelete] {
			return fault.New(fault.Denied, org.CodeBulkHardDelete, "hardDelete operation requires special user profile permission, please contact your system administrator")
		}
		can = o.Deletable && o.Delete.MetBy(c.session.Permissions)
	default:
		return invalidJob("The operation is insert, update, upsert, delete or hardDelete.")
	}
	if !can {
		return fault.New(fault.Invalid, org.CodeBulkEntity, "Entity '%s' is not for the operation %s.", o.Name, in.Operation)
	}
	return nil
}
