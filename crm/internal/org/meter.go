package org

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/background"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodeRequestLimit: the org has used up an allowance of its rolling 24 hours.
const CodeRequestLimit fault.Code = "request_limit_exceeded"

// PackageNamespace is the managed package Marketing Cloud Connect (connect-facts 0). Calls made with a token of a
// connected app that it brought do not count against the org's daily limit; Bulk calls do (documents 001 and 002).
const PackageNamespace = "et4ae5"

// Allowance is what an org has so much of in 24 hours.
type Allowance string

// The allowances.
const (
	AllowanceRequests    Allowance = "api"         // API requests of every kind (crm-wire 3.8)
	AllowanceBulkBatches Allowance = "bulk_batch"  // batches of Bulk API 1.0 and of 2.0 ingest together (crm-wire 4.4)
	AllowanceBulkQueries Allowance = "bulk_query"  // query jobs of Bulk API 2.0
	AllowanceBulkRows    Allowance = "bulk_rows"   // rows that are loaded
	bulkBatchesADay                = int64(15_000) // crm-wire 4.4
	bulkQueriesADay                = int64(10_000)
	bulkRowsADay                   = int64(150_000_000)
)

// DailyRequests is how many API requests an org of the edition has in 24 hours (crm-wire 3.8); licences are those of
// full users.
func DailyRequests(edition string, licences int64) int64 {
	switch edition {
	case "Developer Edition", "Trial":
		return 15_000
	case "Unlimited Edition", "Performance Edition":
		return 100_000 + 5_000*licences
	}
	return 100_000 + 1_000*licences
}

// Reading is how an allowance stands.
type Reading struct {
	Used, Max int64
}

// Remaining is what is left, never less than nothing.
func (r Reading) Remaining() int64 { return max(0, r.Max-r.Used) }

// Minutes of the window, and how many minutes the clocks of two processes may be apart.
const (
	WindowMinutes = 24 * 60
	MeterSkew     = 1
)

const (
	// leaseBlock is the most calls that a process holds unused, and so the most by which a count is too high after it
	// was killed.
	leaseBlock = 100
	// leaseAhead is when a busy process asks for more: a lease takes a fraction of a millisecond, and a write costs more
	// than all the calls that it pays for.
	leaseAhead = leaseBlock / 6
	// LeaseNear is how near to its end an allowance is leased call by call, as callers ask, so that no process keeps
	// from another what it does not use.
	LeaseNear = 2 * leaseBlock
	// leaseTimeout bounds one lease: many callers may wait for it.
	leaseTimeout = 10 * time.Second
	// refusalLife is how long a process refuses from memory before it asks again.
	refusalLife = 250 * time.Millisecond
)

// LeaseRequest asks for calls, or gives back. Who asks is one process, which alone writes what it has of a minute.
type LeaseRequest struct {
	Org       ID
	Allowance Allowance
	Process   int64
	Minute    int64 // now, in minutes since 1970 of the org's time
	// Moved: the process was in another minute, and SettleMinute, where it is not 0, is the one of which it used
	// Settled calls and holds no more. Otherwise it has Held calls of Minute, used or not.
	Moved        bool
	SettleMinute int64
	Settled      int64
	Held         int64
	Want         int64 // more calls
	Need         int64 // the most to give where the allowance is nearly used up
	Max          int64
	Recount      bool // do not trust the running sum, nor that Held is what is written
}

// Lease is the answer.
type Lease struct {
	Had     int64 // where the process moved: calls that it has of the minute from before
	Granted int64
	Total   int64 // of the window, with all that processes hold, this one too
}

// UsageHour is who called how often in one hour.
type UsageHour struct {
	Org     ID
	Hour    int64 // hours since 1970 of the org's time
	App     ID    // "" for a session that no connected app made
	User    ID
	Counted int64
	Exempt  int64 // calls of Marketing Cloud Connect, which do not count

	AppName, Username string // as read; AddUsage ignores them
}

// MeterStore keeps the meter. All processes on one database share it.
type MeterStore interface {
	// Lease grants calls and is durable when it returns; granting none is no error.
	Lease(ctx context.Context, r LeaseRequest) (Lease, error)
	// DailyRequests is how many API requests the org has in 24 hours.
	DailyRequests(ctx context.Context, org ID) (int64, error)
	// AddUsage adds to the hours.
	AddUsage(ctx context.Context, hours []UsageHour) error
	// Usage reads the hours from one on, in order.
	Usage(ctx context.Context, org ID, from int64) ([]UsageHour, error)
	// AppByID is Directory's.
	AppByID(ctx context.Context, org, app ID) (ConnectedApp, error)
	// Shared is Directory's.
	Shared() bool
}

// Meter counts API requests against their rolling 24 hours. Several processes may count the same orgs on one database:
// each leases a block of calls before it serves them, so that the limit is never overshot and a count never forgets,
// and gives back what it does not use within a second or two (DESIGN 5.7).
type Meter struct {
	store   MeterStore
	clock   *clock.Domain
	log     *slog.Logger
	process int64
	// Watch hears, about once a second, how the API requests stand of an org that is being called; nil for nobody. Set it
	// before Start.
	Watch func(ctx context.Context, org ID, r Reading) error

	windows sync.Map // meterKey -> *meterWindow
	tallies tallies

	publishing background.Work
	leases     sync.WaitGroup // under way
}

type meterKey struct {
	org       ID
	allowance Allowance
}

// NewMeter returns a meter that Start sets going.
func NewMeter(store MeterStore, domain *clock.Domain, log *slog.Logger) *Meter {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return &Meter{store: store, clock: domain, log: log, process: int64(binary.BigEndian.Uint64(b[:]) >> 1), tallies: newTallies()}
}

// Count counts one REST, Tooling, Metadata or SOAP request of a session before it is served, and tells how the org's
// allowance stands with it. A request too many is a Limited fault with CodeRequestLimit, and the reading is right all
// the same. Calls of Marketing Cloud Connect are noted and do not count.
func (m *Meter) Count(ctx context.Context, s Session) (Reading, error) {
	exempt, err := m.exempt(ctx, s)
	if err != nil {
		return Reading{}, err
	}
	return m.count(ctx, s, exempt)
}

// CountBulk is Count for a request of the Bulk APIs, which no app is exempt from.
func (m *Meter) CountBulk(ctx context.Context, s Session) (Reading, error) {
	return m.count(ctx, s, false)
}

// Spend takes n from one of the Bulk APIs' own allowances, which no app is exempt from either; all or none.
func (m *Meter) Spend(ctx context.Context, s Session, a Allowance, n int64) (Reading, error) {
	return m.window(s.Org, a).take(ctx, m.minute(s.Org), n)
}

func (m *Meter) count(ctx context.Context, s Session, exempt bool) (r Reading, err error) {
	now := m.clock.Now(string(s.Org))
	w := m.window(s.Org, AllowanceRequests)
	if exempt {
		r, err = w.peek(ctx, minuteOf(now))
	} else {
		r, err = w.take(ctx, minuteOf(now), 1)
	}
	if err == nil {
		m.tallies.add(tallyKey{s.Org, now.Unix() / 3600, s.App, s.User}, exempt)
	}
	return r, err
}

// Read tells how an allowance stands, after this process has given back what it holds unused.
func (m *Meter) Read(ctx context.Context, org ID, a Allowance) (Reading, error) {
	w := m.window(org, a)
	if err := w.refresh(ctx, m.minute(org)); err != nil {
		return Reading{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reading(), nil
}

// usageHours is how far back usage by hour goes.
const usageHours = 7 * 24

// Usage is who called how often, by hour, in the last seven days.
func (m *Meter) Usage(ctx context.Context, org ID) ([]UsageHour, error) {
	if err := m.publish(ctx); err != nil {
		return nil, err
	}
	hours, err := m.store.Usage(ctx, org, m.clock.Now(string(org)).Unix()/3600-usageHours+1)
	for i := range hours {
		if hours[i].App == platformCLI.ID {
			hours[i].AppName = platformCLI.Name
		}
	}
	return hours, err
}

// Now is the org's time.
func (m *Meter) Now(org ID) time.Time { return m.clock.Now(string(org)) }

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

func (m *Meter) minute(org ID) int64 { return minuteOf(m.clock.Now(string(org))) }

func (m *Meter) window(org ID, a Allowance) *meterWindow {
	k := meterKey{org, a}
	if w, ok := m.windows.Load(k); ok {
		return w.(*meterWindow)
	}
	w, _ := m.windows.LoadOrStore(k, &meterWindow{meter: m, key: k, exempt: map[ID]bool{}})
	return w.(*meterWindow)
}

// exempt reports whether the session's app is one that the package brought. An app keeps its namespace, so it is
// looked up once.
func (m *Meter) exempt(ctx context.Context, s Session) (bool, error) {
	if s.App == "" {
		return false, nil
	}
	w := m.window(s.Org, AllowanceRequests)
	w.mu.Lock()
	exempt, known := w.exempt[s.App]
	w.mu.Unlock()
	if known {
		return exempt, nil
	}
	app, err := m.store.AppByID(ctx, s.Org, s.App)
	if err != nil && fault.KindOf(err) != fault.NotFound { // PlatformCLI is in no org
		return false, err
	}
	exempt = err == nil && app.Namespace == PackageNamespace
	w.mu.Lock()
	w.exempt[s.App] = exempt
	w.mu.Unlock()
	return exempt, nil
}

// publishEvery is how often what is unused is given back and usage is written.
const publishEvery = time.Second

// Start begins the work that goes on until Stop.
func (m *Meter) Start(ctx context.Context) {
	m.publishing.Every(ctx, publishEvery, m.log, "the use of the API cannot be published, or told to who watches; going on", m.Tick)
}

// Tick does what Start does every second: give back what is unused, publish who called, and tell who watches.
func (m *Meter) Tick(ctx context.Context) error {
	touched, err := m.publishAll(ctx)
	return errors.Join(err, m.watch(ctx, touched))
}

// publishAll gives back what windows hold and did not touch since the last time, publishes who called, and tells which
// windows of API requests were touched.
func (m *Meter) publishAll(ctx context.Context) (touched []*meterWindow, err error) {
	err = m.settle(ctx, func(w *meterWindow) bool {
		due, used := w.due(m.store.Shared())
		if used && w.key.allowance == AllowanceRequests {
			touched = append(touched, w)
		}
		return due
	})
	if e := m.publish(ctx); err == nil {
		err = e
	}
	return touched, err
}

func (m *Meter) watch(ctx context.Context, touched []*meterWindow) error {
	if m.Watch == nil {
		return nil
	}
	var errs []error
	for _, w := range touched {
		w.mu.Lock()
		r := w.reading()
		w.mu.Unlock()
		if err := m.Watch(ctx, w.key.org, r); err != nil && len(errs) < maxWatchErrors {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// maxWatchErrors is how many orgs' failures one line of the log tells.
const maxWatchErrors = 3

func (m *Meter) settle(ctx context.Context, which func(*meterWindow) bool) (err error) {
	m.windows.Range(func(_, v any) bool {
		if w := v.(*meterWindow); which(w) {
			e := w.refresh(ctx, m.minute(w.key.org))
			if fault.KindOf(e) == fault.NotFound { // the org was taken away, here or by another process
				m.windows.Delete(w.key)
				return ctx.Err() == nil
			}
			if e != nil && err == nil {
				err = e
			}
		}
		return ctx.Err() == nil
	})
	return err
}

// Stop ends what Start began, gives back what is unused and publishes the rest. Stop serving first.
func (m *Meter) Stop() error {
	m.publishing.Stop()
	m.leases.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), leaseTimeout)
	defer cancel()
	err := m.settle(ctx, func(w *meterWindow) bool { return w.holds() })
	if e := m.publish(ctx); err == nil {
		err = e
	}
	return err
}
