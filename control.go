package twinspan

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// Codes of the control API beside those of its parts.
const (
	codeNoToken    fault.Code = "control_token_required"
	codeNoPair     fault.Code = "no_such_pair"
	codeNotOfAPair fault.Code = "not_of_a_pair"
	codeNoInbox    fault.Code = "no_inbox"
	codeBadClock   fault.Code = "invalid_clock"
	codeBadWait    fault.Code = "invalid_wait"
	codeNoRecords  fault.Code = "not_recording"
)

// control is the control API (DESIGN 6): what an operator or a test does to the clouds and no vendor has. It never
// stands under a vendor's path, and its listener is its own.
type control struct {
	p *Program
	// live ends when the program stops; streams and waits end with it.
	live context.Context
}

func newControl(live context.Context, p *Program) http.Handler {
	c := &control{p: p, live: live}
	pages := web.NewMux()
	p.bench.Mount(pages)
	pages.NotFound = c.api()
	pages.MethodNotAllowed = pages.NotFound // pages and API share no path
	return pages
}

// api is the control API alone.
func (c *control) api() http.Handler {
	mux := web.NewMux()
	mux.HandleFunc("GET /clock", c.clock)
	mux.HandleFunc("POST /clock", c.setClock)
	mux.HandleFunc("GET /pairs", c.listPairs)
	mux.HandleFunc("POST /pairs", c.newPair)
	mux.HandleFunc("DELETE /pairs/{id}", c.deletePair)
	mux.HandleFunc("GET /mail", c.mails)
	mux.HandleFunc("GET /mail/{id}", c.mail)
	mux.HandleFunc("GET /requests", c.requests)
	mux.HandleFunc("GET /faults", c.listFaults)
	mux.HandleFunc("POST /faults", c.setFault)
	mux.HandleFunc("DELETE /faults", c.endFaults)
	mux.HandleFunc("DELETE /faults/{id}", c.endFault)
	mux.HandleFunc("GET /metrics", c.metrics)
	mux.HandleFunc("POST /fixtures", c.fixtures)
	mux.HandleFunc("POST /keys/rotate", c.rotateKeys)
	mux.NotFound = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.refuse(w, fault.New(fault.NotFound, "not_found", "The control API has no such path."))
	})
	mux.MethodNotAllowed = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.refuseAs(w, http.StatusMethodNotAllowed, fault.New(fault.Unsupported, "method_not_allowed", "The control API does not take that method there."))
	})
	return c.authorized(mux)
}

// caller finds the pair whose token the call carries, and the pair that it is about: the one that pair= names, else the
// token's own, which for the program's token is the first.
func (c *control) caller(r *http.Request) (owner, about *seed, err error) {
	token, ok := oauth.Bearer(r)
	if ok {
		owner = c.p.pairs.ofToken(token)
	}
	if owner == nil {
		return nil, nil, fault.New(fault.Unauthenticated, codeNoToken, "The control API needs the bearer token control.token of the ready file.")
	}
	id := r.URL.Query().Get("pair")
	if id == "" {
		return owner, owner, nil
	}
	if about, ok = c.p.pairs.find(id); !ok {
		return owner, nil, noPair()
	}
	return owner, about, nil
}

// ofOnePair are the paths that are about one pair, the caller's or the one that pair= names.
var ofOnePair = map[string]bool{"/clock": true, "/fixtures": true}

// authorized lets through whoever has the program's token, and who has a pair's own to what is that pair's alone.
func (c *control) authorized(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.NoStore(w)
		owner, about, err := c.caller(r)
		if err == nil && owner != c.p.seed && (about != owner || !ofOnePair[r.URL.Path]) {
			err = fault.New(fault.Denied, codeOtherPair, "The token is one pair's, and reaches that pair's clock and fixtures alone.")
		}
		if err == nil && r.URL.Query().Get("pair") != "" && !ofOnePair[r.URL.Path] {
			err = fault.New(fault.Invalid, codeNotOfAPair, "%s is one for all pairs; it takes no pair.", r.URL.Path).In("pair")
		}
		if err != nil {
			if owner == nil {
				w.Header().Set("WWW-Authenticate", `Bearer realm="twinspan control"`)
			}
			c.refuse(w, err)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// refuse is the edge's one translation: kinds are statuses; an internal error shows nothing and is logged.
func (c *control) refuse(w http.ResponseWriter, err error) {
	f := fault.Of(err)
	if f.Kind == fault.Internal {
		c.p.log.Error("control API", "error", err)
	}
	c.refuseAs(w, f.Kind.HTTPStatus(), f)
}

func (c *control) refuseAs(w http.ResponseWriter, status int, f *fault.Error) {
	type body struct {
		Code    fault.Code `json:"code"`
		Message string     `json:"message"`
		Field   string     `json:"field,omitempty"`
	}
	c.answer(w, status, map[string]body{"error": {f.Code, f.Message, f.Field}})
}

func (c *control) answer(w http.ResponseWriter, status int, v any) {
	if err := web.WriteJSON(w, status, v); err != nil {
		c.p.log.Debug("control API: the caller left", "error", err)
	}
}

type clockAnswer struct {
	Now    time.Time `json:"now"`
	Offset string    `json:"offset"`
}

func (c *control) clock(w http.ResponseWriter, r *http.Request) {
	_, s, err := c.caller(r)
	if err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, http.StatusOK, c.p.domainTime(s))
}

func (c *control) setClock(w http.ResponseWriter, r *http.Request) {
	_, s, err := c.caller(r)
	if err != nil {
		c.refuse(w, err)
		return
	}
	var in struct {
		Now     *time.Time `json:"now"`
		Advance *string    `json:"advance"`
	}
	if err := web.ReadJSON(w, r, 4<<10, &in, strictjson.KnownKeysOnly()); err != nil {
		c.refuse(w, err)
		return
	}
	if (in.Now == nil) == (in.Advance == nil) {
		c.refuse(w, fault.New(fault.Invalid, codeBadClock, `Give either "now", an RFC 3339 time, or "advance", a duration such as "336h".`))
		return
	}
	change := func(offset time.Duration) time.Duration { return time.Until(*in.Now) }
	if in.Advance != nil {
		by, err := time.ParseDuration(*in.Advance)
		if err != nil {
			c.refuse(w, fault.New(fault.Invalid, codeBadClock, "A duration is written as 336h or 90m.").In("advance"))
			return
		}
		change = func(offset time.Duration) time.Duration { return offset + by }
	}
	if err := c.p.moveClock(r.Context(), s, change); err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, http.StatusOK, c.p.domainTime(s))
}

// maxOffset bounds how far domain time may be from machine time: certificates and ids stay within their ranges.
const maxOffset = 50 * 365 * 24 * time.Hour

// domainTime is the pair's.
func (p *Program) domainTime(s *seed) clockAnswer {
	offset := p.offset(s)
	return clockAnswer{Now: time.Now().Add(offset).UTC().Truncate(time.Millisecond), Offset: offset.String()}
}

// offset is how far the pair's domain time is ahead of the machine's.
func (p *Program) offset(s *seed) time.Duration {
	if p.config.alone() { // real clouds have the time that it is
		return 0
	}
	return p.org.Clock(s.OrgID)
}

// moveClock moves all three houses' clock of the pair. The org's is set last and read first: where a move breaks off
// in between, the next start or move brings the others back to it.
func (p *Program) moveClock(ctx context.Context, s *seed, change func(offset time.Duration) time.Duration) error {
	p.clock.Lock()
	defer p.clock.Unlock()
	if err := p.hasClouds(); err != nil {
		return err
	}
	offset := change(p.org.Clock(s.OrgID)).Round(time.Millisecond)
	if offset.Abs() > maxOffset {
		return fault.New(fault.Invalid, codeBadClock, "Domain time stays within 50 years of the machine's.")
	}
	if err := p.setClocks(ctx, s, offset); err != nil {
		return err
	}
	if err := p.org.SetClock(ctx, s.OrgID, offset); err != nil {
		return fmt.Errorf("the clock of the org: %w", err)
	}
	return nil
}

func (p *Program) setClocks(ctx context.Context, s *seed, offset time.Duration) error {
	if err := p.bridge.SetClock(ctx, s.PairID, offset); err != nil {
		return fmt.Errorf("the clock of Connect: %w", err)
	}
	if err := p.tenant.SetClock(ctx, s.EID, offset); err != nil {
		return fmt.Errorf("the clock of the tenant: %w", err)
	}
	return nil
}

// ending is a request's context that ends with the program too.
func (c *control) ending(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.live, cancel)
	return ctx, func() { stop(); cancel() }
}
