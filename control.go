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
	codeNoToken   fault.Code = "control_token_required"
	codeNoPair    fault.Code = "no_such_pair"
	codeNoInbox   fault.Code = "no_inbox"
	codeBadClock  fault.Code = "invalid_clock"
	codeBadWait   fault.Code = "invalid_wait"
	codeNoRecords fault.Code = "not_recording"
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
	mux := web.NewMux()
	mux.HandleFunc("GET /clock", c.clock)
	mux.HandleFunc("POST /clock", c.setClock)
	mux.HandleFunc("GET /mail", c.mails)
	mux.HandleFunc("GET /mail/{id}", c.mail)
	mux.HandleFunc("GET /requests", c.requests)
	mux.NotFound = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.refuse(w, fault.New(fault.NotFound, "not_found", "The control API has no such path."))
	})
	mux.MethodNotAllowed = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.refuseAs(w, http.StatusMethodNotAllowed, fault.New(fault.Unsupported, "method_not_allowed", "The control API does not take that method there."))
	})
	return c.authorized(mux)
}

// authorized lets through whoever has the token.
func (c *control) authorized(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.NoStore(w)
		token, ok := oauth.Bearer(r)
		if !ok || !oauth.EqualSecret(token, c.p.seed.ControlToken) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="twinspan control"`)
			c.refuse(w, fault.New(fault.Unauthenticated, codeNoToken, "The control API needs the bearer token control.token of the ready file."))
			return
		}
		if pair := r.URL.Query().Get("pair"); pair != "" && pair != c.p.seed.PairID {
			c.refuse(w, fault.New(fault.NotFound, codeNoPair, "There is no pair of that id."))
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

func (c *control) clock(w http.ResponseWriter, _ *http.Request) {
	c.answer(w, http.StatusOK, c.p.domainTime())
}

func (c *control) setClock(w http.ResponseWriter, r *http.Request) {
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
	if err := c.p.moveClock(r.Context(), change); err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, http.StatusOK, c.p.domainTime())
}

// maxOffset bounds how far domain time may be from machine time: certificates and ids stay within their ranges.
const maxOffset = 50 * 365 * 24 * time.Hour

// domainTime is the first pair's.
func (p *Program) domainTime() clockAnswer {
	offset := p.org.Clock(p.seed.OrgID)
	return clockAnswer{Now: time.Now().Add(offset).UTC().Truncate(time.Millisecond), Offset: offset.String()}
}

// moveClock moves all three houses' clock of the pair. The org's is set last and read first: where a move breaks off
// in between, the next start or move brings the others back to it.
func (p *Program) moveClock(ctx context.Context, change func(offset time.Duration) time.Duration) error {
	p.clock.Lock()
	defer p.clock.Unlock()
	offset := change(p.org.Clock(p.seed.OrgID)).Round(time.Millisecond)
	if offset.Abs() > maxOffset {
		return fault.New(fault.Invalid, codeBadClock, "Domain time stays within 50 years of the machine's.")
	}
	if err := p.setClocks(ctx, offset); err != nil {
		return err
	}
	if err := p.org.SetClock(ctx, p.seed.OrgID, offset); err != nil {
		return fmt.Errorf("the clock of the org: %w", err)
	}
	return nil
}

func (p *Program) setClocks(ctx context.Context, offset time.Duration) error {
	if err := p.bridge.SetClock(ctx, p.seed.PairID, offset); err != nil {
		return fmt.Errorf("the clock of Connect: %w", err)
	}
	if err := p.tenant.SetClock(ctx, p.seed.EID, offset); err != nil {
		return fmt.Errorf("the clock of the tenant: %w", err)
	}
	return nil
}

// alignClocks brings the tenant's and Connect's clock to the org's.
func (p *Program) alignClocks(ctx context.Context) error {
	return p.setClocks(ctx, p.org.Clock(p.seed.OrgID))
}

// ending is a request's context that ends with the program too.
func (c *control) ending(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.live, cancel)
	return ctx, func() { stop(); cancel() }
}
