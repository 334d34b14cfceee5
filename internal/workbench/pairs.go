package workbench

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/ui"
)

const (
	pairsPath = Path + "/pairs"
	pairPath  = pairsPath + "/{id}"
)

// Fields of the form for a new pair, by the names that [Pairs] refuses them by.
const (
	fieldFixture = "fixture"
	fieldUsers   = "fixture_users"
	fieldAccount = "account_type"
	fieldPackage = "package"
)

// Pairs are the program's pairs of an org and a tenant, and their clocks. Faults about what was asked for are of kind Invalid and name the
// field; a pair that is not there is NotFound.
type Pairs interface {
	// Pairs lists them, the first pair first.
	Pairs() []Pair
	// Make makes a pair beside the others.
	Make(ctx context.Context, n NewPair) (Made, error)
	// Delete takes a pair away with everything in it; the first one is refused.
	Delete(ctx context.Context, id string) error
	Clock(pair string) (Clock, error)
	// Advance moves a pair's clock on, or back.
	Advance(ctx context.Context, pair string, by time.Duration) error
	SetClock(ctx context.Context, pair string, now time.Time) error
}

// Pair is an org and a tenant with the connection between them.
type Pair struct {
	ID          string
	Fixture     string // what it was filled with: "demo"
	AccountType string // the tenant's edition: "enterprise-2"
	OrgID       string
	EID         int64
}

// NewPair says what a pair is made of; what is empty is as twinspan up makes it.
type NewPair struct {
	Fixture     string
	Users       int // beside the fixture's three persons
	AccountType string
	Package     string // release of the managed package: "219"
}

// Made is a new pair.
type Made struct {
	ID    string
	Ready []byte // its addresses, users, passwords and clients, as the ready file has them: JSON, indented
}

func pairLabel(p Pair) string { return p.ID + " (" + p.Fixture + ", " + p.AccountType + ")" }

// pairs lists the pairs and asks for a new one.
func (s *Server) pairs(v *visit) (ui.Page, error) { return s.pairsPage(v, nil), nil }

func (s *Server) pairsPage(v *visit, wrong error) ui.Page {
	t := ui.Table{Caption: "Pairs", Columns: []string{"Pair", "Fixture", "Account type", "Org", "EID", "Clock", "Delete"}, Empty: "none: the clouds are elsewhere (--clouds none)"}
	for i, one := range s.Pairs.Pairs() {
		row := ui.Row(one.ID, one.Fixture, one.AccountType, one.OrgID, strconv.FormatInt(one.EID, 10), "", "the first pair stays")
		row[5] = ui.Cell{Text: "Clock", Href: clockPath + "?" + url.Values{fieldPair: {one.ID}}.Encode()}
		if i > 0 {
			row[6] = ui.Cell{Text: "Delete", Href: pairsPath + "/" + one.ID}
		}
		t.Rows = append(t.Rows, row)
	}
	choice := func(name, label, hint string, values ...string) ui.Field {
		f := ui.Field{Type: ui.SelectField, Name: name, Label: label, Value: v.form.Get(name), Hint: hint}
		for _, value := range values {
			label := value
			if i := strings.IndexByte(value, ' '); i >= 0 {
				value = value[:i]
			}
			f.Options = append(f.Options, ui.Option{Value: value, Label: label})
		}
		return f
	}
	f := v.owned(ui.Form{Once: true, Action: pairsPath, Legend: "Make a pair", Fields: []ui.Field{
		choice(fieldFixture, "Fixture", "What it is filled with.", "demo (connected, with users)", "new-org (nothing connected)", "legacy (of 2016, connected by passwords)"),
		choice(fieldAccount, "Account type", "The tenant's edition.", "enterprise-2 (Enterprise 2.0)", "core (Core)", "lock-publish (Lock & Publish)"),
		{Name: fieldPackage, Label: "Managed package", Value: v.form.Get(fieldPackage), Hint: "5.400, 5.493, 5.494, 219 or 220; nothing is the fixture's own."},
		{Name: fieldUsers, Label: "Users", Value: v.form.Get(fieldUsers), Hint: "Beside the fixture's three persons; nothing is none."},
	}, Submits: []ui.Submit{{Label: "Make the pair"}}})
	return ui.Page{Title: "Pairs", Blocks: []ui.Block{
		ui.Text("A pair is an org and a tenant of its own, apart from all others, with a clock of its own. All pairs answer at the same addresses: names, tokens and clients say whose a request is."),
		t, marked(f, wrong),
	}}
}

// makingTime is what making a pair may take beside its users.
const makingTime = time.Minute

func (s *Server) makePair(v *visit) (ui.Page, error) {
	get := func(name string) string { return strings.TrimSpace(v.form.Get(name)) }
	n := NewPair{Fixture: get(fieldFixture), AccountType: get(fieldAccount), Package: get(fieldPackage)}
	var err error
	if text := get(fieldUsers); text != "" {
		if n.Users, err = strconv.Atoi(text); err != nil {
			err = fault.New(fault.Invalid, "invalid_pair", "That is no whole number.").In(fieldUsers)
		}
	}
	var made Made
	if err == nil {
		// A transport without deadlines has its own way of giving up.
		_ = http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(makingTime + time.Duration(n.Users)*10*time.Millisecond))
		err = once.Do(v.r.Context(), s.forms, pairsPath, v.form, nil, func() (_ bool, err error) {
			made, err = s.Pairs.Make(v.r.Context(), n)
			return false, err
		})
	}
	if fault.KindOf(err) == fault.Invalid && fault.Of(err).Field != "" {
		return s.refused(v, err, s.pairsPage(v, err))
	}
	if err != nil {
		return ui.Page{}, err
	}
	return ui.Page{Title: "A new pair: " + made.ID, Crumbs: []ui.Link{{Text: "Pairs", Href: pairsPath}}, Alerts: []ui.Alert{{
		Kind: ui.Success, Title: "The pair is made", Text: "This page shows its users, passwords and clients once. Save what you need of it.",
	}}, Blocks: []ui.Block{
		ui.Source{Label: "As the ready file has it", Text: string(made.Ready)}, ui.Links{{Text: "All pairs", Href: pairsPath}},
	}}, nil
}

// pair asks whether a pair is to be taken away.
func (s *Server) pair(v *visit) (ui.Page, error) {
	for i, one := range s.Pairs.Pairs() {
		if one.ID != v.r.PathValue("id") || i == 0 {
			continue
		}
		p := ui.Page{Title: "Delete pair " + one.ID, Crumbs: []ui.Link{{Text: "Pairs", Href: pairsPath}}, Blocks: []ui.Block{ui.Confirm{
			Action: pairsPath + "/" + one.ID + "/delete", Texts: []string{"Pair " + pairLabel(one) + " goes with everything in it. It does not come back."},
			LoseTitle: "This is deleted", Lose: []string{"the org " + one.OrgID, "the tenant " + strconv.FormatInt(one.EID, 10), "the connection between them, and its tokens"},
			Hidden: []ui.Field{v.hidden()}, Submits: []ui.Submit{{Label: "Delete the pair", Danger: true}}, Cancel: ui.Link{Text: "Keep it", Href: pairsPath},
		}}}
		p.Current = pairsPath
		return p, nil
	}
	return ui.Page{}, fault.New(fault.NotFound, codeNotFound, "There is no pair of that id that could be deleted. The first pair goes with the data folder alone.")
}

func (s *Server) deletePair(v *visit) (ui.Page, error) {
	if err := s.Pairs.Delete(v.r.Context(), v.r.PathValue("id")); err != nil {
		return ui.Page{}, err
	}
	return v.goTo(pairsPath, "deleted")
}
