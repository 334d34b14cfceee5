package workbench

import (
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/ui"
)

const (
	clockPath   = Path + "/clock"
	advancePath = clockPath + "/advance"
	setPath     = clockPath + "/set"
	backPath    = clockPath + "/back"
)

// Fields of the clock's forms.
const (
	fieldPair = "pair"
	fieldBy   = "by"
	fieldNow  = "now"
)

// codeBadClock is the refusal of a time or a duration that is none.
const codeBadClock fault.Code = "invalid_clock"

// Clock is a pair's domain time.
type Clock struct {
	Now    time.Time
	Offset time.Duration // how far it is ahead of the machine's
}

// clockOf is the pair that a page of the clock is about: the one that the parameter names, for whoever may choose.
func (s *Server) clockOf(v *visit, named string) (string, error) {
	if named == "" || named == v.holder.Pair {
		return v.holder.Pair, nil
	}
	if !v.holder.All {
		return "", fault.New(fault.Denied, codeAllPairs, "You are signed in with the token of pair %s, which reaches that pair's clock alone.", v.holder.Pair)
	}
	return named, nil
}

// clock shows a pair's domain time. Parameter: pair.
func (s *Server) clock(v *visit) (ui.Page, error) {
	pair, err := s.clockOf(v, v.query.Get(fieldPair))
	if err != nil {
		return ui.Page{}, err
	}
	return s.clockPage(v, pair, nil)
}

func (s *Server) clockPage(v *visit, pair string, wrong error) (ui.Page, error) {
	c, err := s.Pairs.Clock(pair)
	if err != nil {
		return ui.Page{}, err
	}
	p := ui.Page{Title: "Clock"}
	if v.holder.All {
		choose := ui.Field{Type: ui.SelectField, Name: fieldPair, Label: "Pair", Value: pair, Required: true}
		for _, one := range s.Pairs.Pairs() {
			choose.Options = append(choose.Options, ui.Option{Value: one.ID, Label: pairLabel(one)})
		}
		if len(choose.Options) > 1 {
			p.Blocks = append(p.Blocks, ui.Form{Get: true, Inline: true, Action: clockPath, Fields: []ui.Field{choose}, Submits: []ui.Submit{{Label: "Show"}}})
		}
	}
	hidden := ui.Field{Type: ui.HiddenField, Name: fieldPair, Value: pair}
	form := func(f ui.Form) ui.Form {
		f.Fields = append([]ui.Field{hidden}, f.Fields...)
		return marked(v.owned(f), wrong)
	}
	now := c.Now.UTC().Format("2006-01-02T15:04")
	if typed := v.form.Get(fieldNow); typed != "" {
		now = typed
	}
	p.Alerts = []ui.Alert{{Kind: ui.Warning, Title: "Moving it by 12 hours or more ends sessions", Text: "Everybody is signed out of the org, of Engagement and of Connect, and access tokens that were given are good no longer. Connections sign in anew by themselves. You stay signed in here."}}
	p.Blocks = append(p.Blocks,
		ui.Definitions{{Name: "Pair", Value: pair}, {Name: "Domain time", Value: timeText(c.Now)}, {Name: "Ahead of the machine's", Value: aheadText(c.Offset)}},
		ui.Text("Domain time decides what expires and what is due: sessions, tokens, lockouts, schedules, the rolling 24 hours, the 14 days. One clock is the org's, the tenant's and the connection's."),
		form(ui.Form{Once: true, Action: advancePath, Legend: "Move it forward", Fields: []ui.Field{
			{Name: fieldBy, Label: "By", Value: v.form.Get(fieldBy), Required: true, Hint: "Hours and minutes: 30m, 12h, 336h (14 days). A minus moves it back."},
		}, Submits: []ui.Submit{{Label: "Move"}}}),
		form(ui.Form{Action: setPath, Legend: "Set it", Fields: []ui.Field{
			{Type: ui.DateTimeField, Name: fieldNow, Label: "Date and time (UTC)", Value: now, Required: true},
		}, Submits: []ui.Submit{{Label: "Set"}}}),
	)
	if c.Offset.Round(time.Second) != 0 {
		p.Blocks = append(p.Blocks, form(ui.Form{Action: backPath, Submits: []ui.Submit{{Label: "Back to the machine's time", Secondary: true}}}))
	}
	p.Current = clockPath
	return p, nil
}

func aheadText(offset time.Duration) string {
	if offset = offset.Round(time.Second); offset == 0 {
		return "not at all"
	}
	return offset.String()
}

// moved answers a form of the clock that did what it was sent for, or was refused for what was typed.
func (s *Server) moved(v *visit, pair string, err error) (ui.Page, error) {
	if fault.KindOf(err) == fault.Invalid {
		p, bad := s.clockPage(v, pair, err)
		if bad != nil {
			return ui.Page{}, bad
		}
		return s.refused(v, err, p)
	}
	if err != nil {
		return ui.Page{}, err
	}
	redirect(v.w, v.r, clockPath+"?"+url.Values{fieldPair: {pair}, "done": {"moved"}}.Encode())
	return ui.Page{}, errDone
}

func (s *Server) advanceClock(v *visit) (ui.Page, error) {
	pair, err := s.clockOf(v, v.form.Get(fieldPair))
	if err != nil {
		return ui.Page{}, err
	}
	by, err := time.ParseDuration(strings.ReplaceAll(v.form.Get(fieldBy), " ", ""))
	if err != nil {
		return s.moved(v, pair, fault.New(fault.Invalid, codeBadClock, "A duration is written as 336h or 90m.").In(fieldBy))
	}
	err = once.Do(v.r.Context(), s.forms, advancePath, v.form, nil, func() (bool, error) { return false, s.Pairs.Advance(v.r.Context(), pair, by) })
	if fault.KindOf(err) == fault.Invalid {
		err = fault.Of(err).In(fieldBy)
	}
	return s.moved(v, pair, err)
}

func (s *Server) setClock(v *visit) (ui.Page, error) {
	pair, err := s.clockOf(v, v.form.Get(fieldPair))
	if err != nil {
		return ui.Page{}, err
	}
	var now time.Time
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} { // browsers leave zero seconds out
		if now, err = time.Parse(layout, v.form.Get(fieldNow)); err == nil {
			break
		}
	}
	if err != nil {
		return s.moved(v, pair, fault.New(fault.Invalid, codeBadClock, "A time is written as 2026-12-24T18:00.").In(fieldNow))
	}
	if err = s.Pairs.SetClock(v.r.Context(), pair, now); fault.KindOf(err) == fault.Invalid {
		err = fault.Of(err).In(fieldNow)
	}
	return s.moved(v, pair, err)
}

func (s *Server) clockBack(v *visit) (ui.Page, error) {
	pair, err := s.clockOf(v, v.form.Get(fieldPair))
	if err != nil {
		return ui.Page{}, err
	}
	return s.moved(v, pair, s.Pairs.SetClock(v.r.Context(), pair, s.Machine()))
}
