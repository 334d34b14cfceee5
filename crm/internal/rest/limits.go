package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// count counts the request and says in its answer how the org's allowance stands (crm-wire 3.2).
func (s *Server) count(w http.ResponseWriter, r *http.Request, session org.Session, bulk bool) error {
	if s.Meter == nil {
		return nil
	}
	count := s.Meter.Count
	if bulk {
		count = s.Meter.CountBulk
	}
	reading, err := count(r.Context(), session)
	if err != nil && fault.CodeOf(err) != org.CodeRequestLimit {
		return err
	}
	var room [48]byte
	b := append(room[:0], "api-usage="...)
	b = strconv.AppendInt(b, reading.Used, 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, reading.Max, 10)
	w.Header()["Sforce-Limit-Info"] = []string{string(b)}
	return err
}

// limit is one entry of /limits. Apps stand beside the figures under their names; none has an allowance of its own, which
// the real service writes as two zeros too (crm-wire 3.7).
type limit struct{ Max, Remaining int64 }

func (l limit) json(apps map[string]limit) map[string]any {
	m := map[string]any{"Max": l.Max, "Remaining": l.Remaining}
	for name, a := range apps {
		if _, taken := m[name]; !taken {
			m[name] = a.json(nil)
		}
	}
	return m
}

// bulkLimits are the Bulk APIs' own allowances, which no app is exempt from (crm-wire 3.7, 4.4).
var bulkLimits = map[string]org.Allowance{"DailyBulkApiBatches": org.AllowanceBulkBatches, "DailyBulkV2QueryJobs": org.AllowanceBulkQueries}

// limits answers /limits, with the entries whose figures are real here.
func (s *Server) limits(ctx context.Context, c *call) (answer, error) {
	if err := s.mayReadUsage(c); err != nil {
		return answer{}, err
	}
	reading, err := s.Meter.Read(ctx, c.session.Org, org.AllowanceRequests)
	if err != nil {
		return answer{}, err
	}
	used, err := s.usage(ctx, c.session.Org)
	if err != nil {
		return answer{}, err
	}
	day := s.Meter.Now(c.session.Org).Add(-24 * time.Hour)
	apps := map[string]limit{}
	for _, u := range used {
		if u.App != "" && !u.hour.Before(day.Truncate(time.Hour)) {
			apps[u.App] = limit{}
		}
	}
	out := map[string]any{"DailyApiRequests": limit{reading.Max, reading.Remaining()}.json(apps)}
	for name, a := range bulkLimits {
		reading, err := s.Meter.Read(ctx, c.session.Org, a)
		if err != nil {
			return answer{}, err
		}
		out[name] = limit{reading.Max, reading.Remaining()}.json(nil)
	}
	return answer{http.StatusOK, out}, nil
}

// mayReadUsage: /limits needs View Setup and Configuration (crm-wire 3.7).
func (s *Server) mayReadUsage(c *call) error {
	if s.Meter == nil {
		return notFound()
	}
	if !c.session.Permissions[org.PermViewSetup] {
		return fault.New(fault.Denied, codeNoSetup, "You do not have permission to view this record.")
	}
	return nil
}

// usageLine is one app's and user's calls in one hour, as our own resource apiUsage gives them.
type usageLine struct {
	Hour    string `json:"hour"` // its begin, "2026-01-02T15:00:00.000Z"
	AppID   org.ID `json:"appId"`
	App     string `json:"app"` // "" for a session that no connected app made
	UserID  org.ID `json:"userId"`
	User    string `json:"username"`
	Counted int64  `json:"counted"`
	Exempt  int64  `json:"exempt"` // calls of Marketing Cloud Connect, which do not count

	hour time.Time
}

// usage is the calls by hour, app and user of the last seven days.
func (s *Server) usage(ctx context.Context, orgID org.ID) ([]usageLine, error) {
	hours, err := s.Meter.Usage(ctx, orgID)
	if err != nil {
		return nil, err
	}
	lines := make([]usageLine, 0, len(hours))
	for _, u := range hours {
		at := time.Unix(u.Hour*3600, 0).UTC()
		lines = append(lines, usageLine{
			Hour: at.Format("2006-01-02T15:04:05.000Z"), AppID: u.App, App: u.AppName, UserID: u.User, User: u.Username,
			Counted: u.Counted, Exempt: u.Exempt, hour: at,
		})
	}
	return lines, nil
}

// apiUsage is a resource of our own: how the window stands, and who called by hour in the last seven days. The real
// service has a report of that in its pages (connect-facts 6).
func (s *Server) apiUsage(ctx context.Context, c *call) (answer, error) {
	if err := s.mayReadUsage(c); err != nil {
		return answer{}, err
	}
	reading, err := s.Meter.Read(ctx, c.session.Org, org.AllowanceRequests)
	if err != nil {
		return answer{}, err
	}
	lines, err := s.usage(ctx, c.session.Org)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, map[string]any{
		"used": reading.Used, "max": reading.Max, "remaining": reading.Remaining(), "hours": lines,
	}}, nil
}
