package migration

import (
	"context"
	"encoding/csv"
	"io"
	"strconv"
	"time"
	_ "time/tzdata" // reports are in the tenant's time zone wherever the program runs

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sheet"
)

// Report is one of the two lists of a run.
type Report string

// The reports: of whom is reconnected, and of whom failed.
const (
	SuccessReport  Report = "success"
	FailuresReport Report = "failures"
)

// CodeInvalidReport: a report that there is not.
const CodeInvalidReport fault.Code = "invalid_report"

// ParseReport reads the name of a report.
func ParseReport(text string) (Report, error) {
	switch r := Report(text); r {
	case SuccessReport, FailuresReport:
		return r, nil
	}
	return "", fault.New(fault.Invalid, CodeInvalidReport, "The report is success or failures.").In("report")
}

func (r Report) result() Result {
	if r == SuccessReport {
		return UserReconnected
	}
	return UserFailed
}

// columns are the head of a report. The documents name the files, and not what is in them.
var columns = []string{"date", "engagement_user", "crm_username", "crm_user_id", "business_unit", "result", "reason"}

// reportPage is how many users are read at once for a report.
const reportPage = 1000

// record is a user's line. The date is of the outcome, in the zone given.
func (u User) record(zone *time.Location) []string {
	return []string{
		u.At.In(zone).Format(time.RFC3339), sheet.Cell(u.EngagementUsername), sheet.Cell(u.CRMUsername), u.CRMUserID, strconv.FormatInt(u.MID, 10), string(u.Result), sheet.Cell(u.Reason),
	}
}

// lines gives the lines of a report by position, the head first; pass 0 is all passes. It is made from the outcomes, page by
// page.
func lines(ctx context.Context, store Store, r Run, report Report, pass int, zone *time.Location, each func([]string) error) error {
	if err := each(columns); err != nil {
		return err
	}
	f := Filter{Results: []Result{report.result()}, Pass: pass, Limit: reportPage}
	for {
		users, err := store.Users(ctx, r.Pair, r.ID, f)
		if err != nil {
			return err
		}
		for _, u := range users {
			if err := each(u.record(zone)); err != nil {
				return err
			}
		}
		if len(users) < f.Limit {
			return nil
		}
		f.After = users[len(users)-1].Position
	}
}

// Report writes one of the lists of a run as CSV. name is that of the file in My Documents, where there is one.
func (s *Service) Report(ctx context.Context, l link.Link, id string, report Report) (name string, write func(context.Context, io.Writer) error, err error) {
	r, err := s.Status(ctx, l, id)
	if err != nil {
		return "", nil, err
	}
	zone, err := zoneOf(ctx, s.links, l)
	if err != nil {
		zone = time.UTC // each line says which
	}
	f := Files{Stem: r.CreatedAt.In(zone).Format(time.DateOnly)}
	for _, one := range r.Files {
		if one.Stem != "" {
			f = one
		}
	}
	return f.name(report), func(ctx context.Context, w io.Writer) error {
		out := csv.NewWriter(w)
		if err := lines(ctx, s.store, r, report, 0, zone, out.Write); err != nil {
			return err
		}
		out.Flush()
		return out.Error()
	}, nil
}

func (f Files) name(report Report) string {
	if report == SuccessReport {
		return f.Success()
	}
	return f.Failures()
}

// zoneOf asks the tenant for its time zone; one that is not known is UTC.
func zoneOf(ctx context.Context, links *link.Service, l link.Link) (*time.Location, error) {
	var id engagement.Identity
	err := links.CallTenant(ctx, l, func(tenant *engagement.Session) (err error) {
		id, err = tenant.UserInfo(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(id.Zone)
	if err != nil || zone == time.Local {
		return time.UTC, nil //nolint:nilerr // a zone that nobody knows is none
	}
	return zone, nil
}
