package rest

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// firstUpsertBody is the version from which an upsert that changes a record has a body (crm-wire 3.5).
const firstUpsertBody = 46

// severalFound is the answer to a value that several records have: where they are (crm-wire 3.3).
func (c *call) severalFound(ids []org.ID) (answer, error) {
	o, err := c.records.Object(c.session, c.object)
	if err != nil {
		return answer{}, err
	}
	urls := make([]string, len(ids))
	for i, id := range ids {
		urls[i] = recordURL(c.base, o, id)
	}
	return answer{http.StatusMultipleChoices, urls}, nil
}

// upsertRecord changes the record whose field has the path's value, or makes one.
func (s *Server) upsertRecord(ctx context.Context, c *call) (answer, error) {
	if c.conditions.forChanges() {
		return answer{}, fault.New(fault.Invalid, codeBadParameter, "If-Match, If-None-Match and If-Unmodified-Since are for changes of a record by its id.")
	}
	delete(c.body, "attributes")
	updateOnly, err := flag("updateOnly", c.query.Get("updateOnly"))
	if err != nil {
		return answer{}, err
	}
	upsert := c.records.Upsert
	if updateOnly {
		upsert = c.records.UpdateBy
	}
	out, err := upsert(ctx, c.session, c.object, c.field, c.value, c.body)
	switch {
	case fault.CodeOf(err) == org.CodeMultipleMatches:
		return c.severalFound(out.Matches)
	case err != nil:
		return answer{}, err
	}
	body := object{{"id", out.ID}, {"success", true}, {"errors", []wireError{}}, {"created", out.Created}}
	if out.Created {
		if o, err := c.records.Object(c.session, c.object); err == nil {
			c.header.Set("Location", recordURL(c.base, o, out.ID))
		}
		return answer{http.StatusCreated, body}, nil
	}
	if n, err := strconv.Atoi(strings.TrimSuffix(c.version, ".0")); err == nil && n < firstUpsertBody {
		return answer{status: http.StatusNoContent}, nil
	}
	return answer{http.StatusOK, body}, nil
}

// byPassword reports whether the path is a user's password, which stands where a field's value does.
func (c *call) byPassword() bool {
	return strings.EqualFold(c.object, org.ObjectUser) && strings.EqualFold(c.value, "password") && strings.HasPrefix(c.field, org.PrefixUser)
}

// readBy reads the record whose field has the path's value, or how a user's password is.
func (s *Server) readBy(ctx context.Context, c *call) (answer, error) {
	if c.byPassword() {
		return s.passwordState(ctx, c)
	}
	rec, several, err := c.records.ReadBy(ctx, c.session, c.object, c.field, c.value, commaList(c.query.Get("fields")))
	switch {
	case fault.CodeOf(err) == org.CodeMultipleMatches:
		return c.severalFound(several)
	case err != nil:
		return answer{}, err
	}
	return answer{http.StatusOK, recordObject(c.base, rec, "")}, nil
}

// postBy sets a user's password, or upserts for clients that cannot send PATCH.
func (s *Server) postBy(ctx context.Context, c *call) (answer, error) {
	switch {
	case c.byPassword():
		return s.setPassword(ctx, c)
	case strings.EqualFold(c.query.Get("_HttpMethod"), http.MethodPatch):
		return s.upsertRecord(ctx, c)
	}
	return answer{}, notFound()
}

// deleteBy deletes the record whose field has the path's value, or resets a user's password.
func (s *Server) deleteBy(ctx context.Context, c *call) (answer, error) {
	if c.byPassword() {
		return s.resetPassword(ctx, c)
	}
	rec, several, err := c.records.ReadBy(ctx, c.session, c.object, c.field, c.value, []string{"Id"})
	switch {
	case fault.CodeOf(err) == org.CodeMultipleMatches:
		return c.severalFound(several)
	case err != nil:
		return answer{}, err
	}
	c.id = string(rec.ID)
	return s.deleteRecord(ctx, c)
}

// upsertMany is an upsert of each record, by the field that the path names (crm-wire 3.6).
func (s *Server) upsertMany(ctx context.Context, c *call) (answer, error) {
	in, err := c.collection()
	if err != nil {
		return answer{}, err
	}
	ops := make([]org.Op, len(in.Records))
	for i, r := range in.Records {
		delete(r, "attributes")
		op := org.Op{Action: org.ActionUpsert, Object: c.object, Field: c.field, Values: r}
		for name, v := range r {
			if strings.EqualFold(name, c.field) {
				op.Value = org.ValueText(v)
			}
		}
		if strings.EqualFold(c.field, "Id") {
			op = upsertByID(op)
		}
		ops[i] = op
	}
	return c.batch(ctx, ops, in.AllOrNone)
}

// upsertByID changes the record that has the id, and makes one where none is given.
func upsertByID(op org.Op) org.Op {
	op.Action, op.ID = org.ActionUpdate, op.Value
	if op.ID == "" {
		op.Action = org.ActionCreate
	}
	for name := range op.Values {
		if strings.EqualFold(name, "Id") {
			delete(op.Values, name)
		}
	}
	return op
}
