package tenant

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// ReportPage is how many sends a page of the list holds.
const ReportPage = 25

// Tally counts what became of messages: of one send, or of a triggered send definition since a moment.
type Tally struct {
	Targeted     int // messages that were made
	Waiting      int // not handed over yet
	Sent         int
	NotSent      int
	InDoubt      int // handed over, or not: nobody knows
	Delivered    int // sent and not come back
	Bounces      int
	Opens        int // of whatever message, as often as it was
	UniqueOpens  int // messages that were opened
	Clicks       int
	UniqueClicks int // messages of which a link was followed
	Unsubscribes int
}

// DayTally counts what happened on one day, in UTC.
type DayTally struct {
	Day                  time.Time // its beginning
	Sent, Opens, Clicks  int
	Bounces, Unsubscribe int
}

// ReportOf says whose messages are counted: one of them is set.
type ReportOf struct {
	SendID       int64
	DefinitionID string
	Since        time.Time // messages accepted from then on
}

// ReportStore counts messages and events.
type ReportStore interface {
	// EmailSends lists sends of the business unit, newest first, without their content: at most limit, those that began
	// before the time given, or then with a lower number; all where it is zero.
	EmailSends(ctx context.Context, eid EID, mid MID, before time.Time, id int64, limit int) ([]EmailSend, error)
	// EmailSend reads a send; a missing one is a NotFound fault with CodeNoEmailSend.
	EmailSend(ctx context.Context, tenant EID, id int64) (EmailSend, error)
	// Tally counts.
	Tally(ctx context.Context, eid EID, of ReportOf) (Tally, error)
	// Days counts by day, oldest first; days on which nothing happened are left out.
	Days(ctx context.Context, eid EID, of ReportOf) ([]DayTally, error)
}

// ReportSpan is how far back the report of a definition reaches.
const ReportSpan = 30 * 24 * time.Hour

// Reports is the service that tells what became of sends, which the pages call tracking.
type Reports struct {
	Store ReportStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// Report is what became of messages.
type Report struct {
	Tally Tally
	Days  []DayTally
}

// Sends gives a page of the business unit's sends to audiences, newest first, after the last of the page before.
func (s *Reports) Sends(ctx context.Context, p Principal, before time.Time, id int64) (list []EmailSend, more bool, err error) {
	if err := mayRead(p, ScopeTrackingRead); err != nil {
		return nil, false, err
	}
	list, err = s.Store.EmailSends(ctx, p.Tenant, p.MID, before, id, ReportPage+1)
	if len(list) > ReportPage {
		return list[:ReportPage], true, err
	}
	return list, false, err
}

// Send tells of one of them.
func (s *Reports) Send(ctx context.Context, p Principal, id int64) (EmailSend, Report, error) {
	if err := mayRead(p, ScopeTrackingRead); err != nil {
		return EmailSend{}, Report{}, err
	}
	e, err := s.Store.EmailSend(ctx, p.Tenant, id)
	if err != nil {
		return EmailSend{}, Report{}, err
	}
	if e.MID != p.MID {
		return EmailSend{}, Report{}, fault.New(fault.NotFound, CodeNoEmailSend, "There is no such send.")
	}
	r, err := s.report(ctx, p, ReportOf{SendID: e.ID})
	return e, r, err
}

// Definition tells what became of the messages of a triggered send definition in the last 30 days.
func (s *Reports) Definition(ctx context.Context, p Principal, d Definition) (Report, error) {
	if err := mayRead(p, ScopeTrackingRead); err != nil {
		return Report{}, err
	}
	return s.report(ctx, p, ReportOf{DefinitionID: d.ID, Since: s.Now(p.Tenant).Add(-ReportSpan)})
}

func (s *Reports) report(ctx context.Context, p Principal, of ReportOf) (r Report, err error) {
	if r.Tally, err = s.Store.Tally(ctx, p.Tenant, of); err != nil {
		return r, err
	}
	r.Days, err = s.Store.Days(ctx, p.Tenant, of)
	return r, err
}

// Browse reads a page of rows of an object type as [Retrieves.Retrieve] does, for somebody at a page: he needs the permission
// of one of the scopes, which SOAP does not ask of users. Values stand in the order asked for, not in the WSDL's.
func (s *Retrieves) Browse(ctx context.Context, p Principal, r Retrieval, scopes ...string) (Rows, error) {
	if err := mayRead(p, scopes...); err != nil {
		return Rows{}, err
	}
	if r.Filter != nil {
		if err := r.Filter.Validate(); err != nil {
			return Rows{}, err
		}
	}
	r.Accounts = []MID{p.MID}
	rows, err := s.Store.Retrieve(ctx, p.Tenant, r)
	if err != nil {
		return Rows{}, err
	}
	places := make([]int, len(r.Properties))
	for i, name := range r.Properties {
		places[i] = slices.Index(rows.Properties, name)
		if places[i] < 0 {
			return Rows{}, invalidRetrieve("The property %q is asked for by another spelling.", clip(name))
		}
	}
	for i, row := range rows.Values {
		rows.Values[i] = make([]Value, len(places))
		for j, at := range places {
			rows.Values[i][j] = row[at]
		}
	}
	rows.Properties = r.Properties
	return rows, nil
}

// List gives a page of the senders of the tenant, as [ListSenders] does.
func (v *Verification) List(ctx context.Context, p Principal, skip, limit int) ([]VerifiedSender, int, error) {
	return ListSenders(ctx, v.Store, p, skip, limit)
}
