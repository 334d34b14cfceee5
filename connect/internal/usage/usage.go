// Package usage counts what Connect's calls cost in each cloud, by hour, and puts the org's own figures beside it
// (connect-facts 6). With the vendor's connected app REST and SOAP calls do not count against the org's rolling 24-hour
// limit; Bulk calls do, and so do all calls under a stored password. With an app of the customer's own all of them count. Calls into Engagement never count there.
package usage

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// The APIs that calls are told apart by.
const (
	REST  = "rest"
	SOAP  = "soap"
	Bulk  = "bulk"
	OAuth = "oauth" // signing in: no cloud counts it
	Other = "other"
)

// Row is the calls of one hour to one API of one cloud.
type Row struct {
	Pair  string
	Hour  time.Time // its begin, domain time
	Cloud link.Direction
	API   string
	// Password: the span signed in by a stored password then, under no app, and the org counts every such call.
	Password bool
	Calls    int64
}

// Counted reports whether the calls count against the org's limit, for a connection of a standing.
func (r Row) Counted(s link.Standing) bool {
	if r.Cloud != link.IntoOrg || r.API == OAuth || r.API == Other {
		return false
	}
	return r.API == Bulk || s == link.OwnLink || r.Password
}

// APIOf tells the API of a call from its path.
func APIOf(cloud link.Direction, path string) string {
	path = strings.ToLower(path)
	if cloud == link.IntoTenant {
		switch {
		case strings.HasSuffix(path, "/service.asmx"):
			return SOAP
		case strings.HasPrefix(path, "/v2/"):
			return OAuth
		}
		return REST
	}
	switch {
	case strings.HasPrefix(path, "/services/oauth2/"), strings.HasPrefix(path, "/id/"):
		return OAuth
	case strings.HasPrefix(path, "/services/soap/"):
		return SOAP
	case strings.HasPrefix(path, "/services/data/"):
		if _, rest, _ := strings.Cut(strings.TrimPrefix(path, "/services/data/"), "/"); strings.HasPrefix(rest, "jobs/") {
			return Bulk
		}
		return REST
	}
	return Other
}

// Store keeps counts.
type Store interface {
	// AddCalls adds the calls of rows to what is kept.
	AddCalls(ctx context.Context, rows []Row) error
	// Calls lists a pair's rows from an hour on, oldest first.
	Calls(ctx context.Context, pair string, from time.Time) ([]Row, error)
	Thresholds
}

// Meter counts calls in memory until Flush. It is safe for concurrent use.
type Meter struct {
	mu     sync.Mutex
	counts map[Row]int64 // Calls is 0 in the keys
}

// NewMeter returns a meter.
func NewMeter() *Meter { return &Meter{counts: map[Row]int64{}} }

// Transport counts the calls of a link to a cloud and makes them by next. now is the link's domain time.
func (m *Meter) Transport(l link.Link, cloud link.Direction, now time.Time, next http.RoundTripper) http.RoundTripper {
	return transport{m, Row{Pair: l.Pair, Hour: now.UTC().Truncate(time.Hour), Cloud: cloud, Password: cloud == link.IntoOrg && l.Org.Driver == link.Password}, next}
}

type transport struct {
	meter *Meter
	row   Row
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	row := t.row
	row.API = APIOf(row.Cloud, r.URL.Path)
	t.meter.mu.Lock()
	t.meter.counts[row]++
	t.meter.mu.Unlock()
	return t.next.RoundTrip(r)
}

// Flush stores what was counted. Where it cannot it is counted on, and stored with the next.
func (m *Meter) Flush(ctx context.Context, store Store) error {
	m.mu.Lock()
	taken := m.counts
	m.counts = map[Row]int64{}
	m.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	rows := make([]Row, 0, len(taken))
	for row, n := range taken {
		row.Calls = n
		rows = append(rows, row)
	}
	err := store.AddCalls(ctx, rows)
	if err != nil {
		m.mu.Lock()
		for row, n := range taken {
			m.counts[row] += n
		}
		m.mu.Unlock()
	}
	return err
}

// keep is how far back a report goes.
const keep = 7 * 24 * time.Hour

// Report is what a connection costs.
type Report struct {
	Rows []Row // of the last seven days, oldest first
	// Calls and Counted are Connect's own of the last 24 hours, and those of them that count against the org's limit.
	Calls, Counted int64
	// Org is the org's own word on its rolling 24-hour limit; zero where it does not tell the system user.
	Org crm.Limits
	// OrgError is why it does not.
	OrgError error
	// Used is the part of the limit that is used, in percent, of whoever called.
	Used float64
	// Alerts are the thresholds, and Reached those that are.
	Alerts  Alerts
	Reached []Crossing
}

// Service reports. It is safe for concurrent use.
type Service struct {
	store Store
	meter *Meter
	links *link.Service
}

// NewService wires the service.
func NewService(store Store, meter *Meter, links *link.Service) *Service {
	return &Service{store: store, meter: meter, links: links}
}

// Flush stores what was counted since.
func (s *Service) Flush(ctx context.Context) error { return s.meter.Flush(ctx, s.store) }

// Report tells what the connection cost, with the org's own figures beside it.
func (s *Service) Report(ctx context.Context, l link.Link) (Report, error) {
	a, err := s.store.Alerts(ctx, l.Pair)
	if err != nil {
		return Report{}, err
	}
	return s.report(ctx, l, a, true)
}

func (s *Service) report(ctx context.Context, l link.Link, a Alerts, ask bool) (Report, error) {
	r := Report{Alerts: a}
	if err := s.meter.Flush(ctx, s.store); err != nil {
		return r, err
	}
	now := s.links.Now(l)
	var err error
	if r.Rows, err = s.store.Calls(ctx, l.Pair, now.Add(-keep)); err != nil {
		return r, err
	}
	for _, row := range r.Rows {
		if row.Hour.After(now.Add(-24 * time.Hour)) {
			r.Calls += row.Calls
			if row.Counted(l.Standing) {
				r.Counted += row.Calls
			}
		}
	}
	if !ask {
		r.Reached = a.crossed(r)
		return r, nil
	}
	r.OrgError = s.links.CallOrg(ctx, l, func(org *crm.Session) (err error) {
		r.Org, err = org.Limits(ctx)
		return err
	})
	if fault.KindOf(r.OrgError) == fault.Internal {
		return r, r.OrgError
	}
	if limit := r.Org.DailyAPIRequests; limit.Max > 0 {
		r.Used = 100 * float64(limit.Max-limit.Remaining) / float64(limit.Max)
	}
	r.Reached = a.crossed(r)
	return r, nil
}
