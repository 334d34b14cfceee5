package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
)

// Bounds of what replicating clients ask for: how far back, and how many records one answer names.
const (
	replicationDays = 30
	maxReplicated   = 600_000
)

// span is the time that a replicating client asks about, from start to before end.
type span struct{ start, end, now time.Time }

// spanOf reads ?start=&end= (crm-wire 3.5). Seconds count.
func (s *Server) spanOf(c *call) (span, error) {
	v := span{now: c.records.Clock.Now(string(c.session.Org))}
	for name, to := range map[string]*time.Time{"start": &v.start, "end": &v.end} {
		at, err := org.ParseDateTime(c.query.Get(name))
		if err != nil {
			return v, fault.New(fault.Invalid, codeReplicationDate, "%s is not a date and time: %s", name, clip(c.query.Get(name)))
		}
		*to = at
	}
	switch {
	case !v.start.Before(v.end):
		return v, fault.New(fault.Invalid, codeReplicationDate, "startDate before endDate")
	case v.start.Before(v.now.AddDate(0, 0, -replicationDays)):
		return v, fault.New(fault.Invalid, codeReplicationDate, "startDate before org replication enabled date")
	}
	return v, nil
}

// covered is the last time that an answer speaks of.
func (v span) covered() time.Time {
	if v.end.After(v.now) {
		return v.now
	}
	return v.end
}

// changed hands over the records of the path's object that changed in a span, deleted ones or the others.
func (s *Server) changed(ctx context.Context, c *call, v span, deleted bool, each func(org.ID, time.Time)) error {
	o, err := c.records.Object(c.session, c.object)
	if err != nil {
		return err
	}
	where := ""
	switch {
	case o.Field("SystemModstamp") == nil || deleted && !o.SoftDelete:
		return fault.New(fault.Invalid, org.CodeNotForOperation, "entity type cannot be replicated: %s", o.Label)
	case deleted:
		where = " AND IsDeleted = true"
	}
	const layout = "2006-01-02T15:04:05.000Z"
	text := "SELECT Id, SystemModstamp FROM " + o.Name + " WHERE SystemModstamp >= " + v.start.UTC().Format(layout) + " AND SystemModstamp < " + v.end.UTC().Format(layout) + where
	n := 0
	return c.queries.Each(ctx, c.session, text, deleted, func(_ *soql.Plan, row soql.Row) error {
		if n++; n > maxReplicated {
			return fault.New(fault.Invalid, codeTooManyRecords, "too many records changed: ask for a shorter time")
		}
		at, _ := row.Values[1].(time.Time)
		each(row.IDs[0], at)
		return nil
	})
}

func (s *Server) updatedRecords(ctx context.Context, c *call) (answer, error) {
	v, err := s.spanOf(c)
	if err != nil {
		return answer{}, err
	}
	ids := []org.ID{}
	if err := s.changed(ctx, c, v, false, func(id org.ID, _ time.Time) { ids = append(ids, id) }); err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, object{{"ids", ids}, {"latestDateCovered", wireValue(v.covered())}}}, nil
}

func (s *Server) deletedRecords(ctx context.Context, c *call) (answer, error) {
	v, err := s.spanOf(c)
	if err != nil {
		return answer{}, err
	}
	list := []object{}
	if err := s.changed(ctx, c, v, true, func(id org.ID, at time.Time) {
		list = append(list, object{{"deletedDate", wireValue(at)}, {"id", id}})
	}); err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, object{
		{"deletedRecords", list}, {"earliestDateAvailable", wireValue(v.now.AddDate(0, 0, -replicationDays))}, {"latestDateCovered", wireValue(v.covered())},
	}}, nil
}
