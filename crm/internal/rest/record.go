package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// saved is the answer to a create.
type saved struct {
	ID      org.ID      `json:"id"`
	Success bool        `json:"success"`
	Errors  []wireError `json:"errors"`
}

func (s *Server) createRecord(ctx context.Context, c *call) (answer, error) {
	delete(c.body, "attributes") // clients send back what they read
	id, err := c.records.Create(ctx, c.session, c.object, c.body)
	if errors.Is(err, org.ErrDryRun) {
		return answer{status: http.StatusNoContent}, nil
	}
	if err != nil {
		return answer{}, err
	}
	if o, err := c.records.Object(c.session, c.object); err == nil {
		c.header.Set("Location", recordURL(c.base, o, id))
	}
	return answer{http.StatusCreated, saved{ID: id, Success: true, Errors: []wireError{}}}, nil
}

func (s *Server) readRecord(ctx context.Context, c *call) (answer, error) {
	var names []string
	if list := c.query.Get("fields"); list != "" {
		for _, n := range strings.Split(list, ",") {
			names = append(names, strings.TrimSpace(n))
		}
	}
	// When it was changed is told in a header, whatever fields were asked for.
	const modified = "SystemModstamp"
	hidden := false
	if o, err := c.records.Object(c.session, c.object); err == nil && len(names) > 0 && o.Field(modified) != nil {
		hidden = !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, modified) })
		if hidden {
			names = append(names, modified)
		}
	}
	rec, err := c.records.Read(ctx, c.session, c.object, c.id, names)
	if err != nil {
		return answer{}, err
	}
	if at, ok := rec.Values[modified].(time.Time); ok {
		c.header.Set("Last-Modified", at.UTC().Format(http.TimeFormat))
		switch c.conditions.judge(at) {
		case http.StatusNotModified:
			return answer{status: http.StatusNotModified}, nil
		case http.StatusPreconditionFailed:
			return answer{}, errPrecondition()
		}
	}
	if !hidden {
		return answer{http.StatusOK, recordObject(c.base, rec, "")}, nil
	}
	return answer{http.StatusOK, recordObject(c.base, rec, modified)}, nil
}

// recordObject writes a record that was read, all but one field.
func recordObject(base string, rec org.Record, but string) object {
	out := object{attributes(base, rec.Object, rec.ID)}
	hasID := false
	for _, f := range rec.Fields {
		if f.Name == but {
			continue
		}
		out = append(out, member{f.Name, wireValue(rec.Values[f.Name])})
		hasID = hasID || f.Name == "Id"
	}
	if !hasID {
		out = append(out, member{"Id", rec.ID})
	}
	return out
}

func (s *Server) updateRecord(ctx context.Context, c *call) (answer, error) {
	delete(c.body, "attributes")
	if c.records == s.Records { // DNS is asked before a transaction, and so not among others' changes
		if err := s.Senders.Prove(ctx, &c.session, c.object, c.id, c.body); err != nil {
			return answer{}, err
		}
	}
	err := s.guarded(ctx, c, func(ctx context.Context, records *org.Records) error {
		return records.Update(ctx, c.session, c.object, c.id, c.body)
	})
	if err != nil && !errors.Is(err, org.ErrDryRun) {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func (s *Server) deleteRecord(ctx context.Context, c *call) (answer, error) {
	err := s.guarded(ctx, c, func(ctx context.Context, records *org.Records) error {
		return records.Delete(ctx, c.session, c.object, c.id)
	})
	if err != nil && !errors.Is(err, org.ErrDryRun) {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

// overriddenMethod serves clients that cannot send PATCH: POST with ?_HttpMethod=PATCH (crm-wire 3.5).
func (s *Server) overriddenMethod(ctx context.Context, c *call) (answer, error) {
	if strings.EqualFold(c.query.Get("_HttpMethod"), http.MethodPatch) {
		return s.updateRecord(ctx, c)
	}
	return answer{}, methodNotAllowed(http.MethodPost, "HEAD,GET,PATCH,DELETE")
}
