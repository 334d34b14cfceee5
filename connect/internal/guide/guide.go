// Package guide has the five founding documents as guides: each of their steps with whose it is, the page on which and the
// command by which it is done, and how it stands now.
//
// How a step stands is read live, by the doctor's own look and checks and by the record of the upgrade that is under way;
// nothing is kept of it, and nobody ticks anything off. A step that leaves nothing behind which a public API tells is said to
// be not visible, with the reason. Opening a menu leaves nothing behind either: such a step stands as the one that it leads to.
//
// The texts are our own short ones; labels are verbatim from the documents. Rows are those of the requirements
// (test/seeds/seeds.tsv).
package guide

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodeUnknown: there is no guide of that name.
const CodeUnknown fault.Code = "guide_unknown"

// Owner is whose step it is.
type Owner string

// The owners.
const (
	CRMAdmin        Owner = "crm_admin"
	EngagementAdmin Owner = "engagement_admin"
	User            Owner = "user"
)

// String is the owner for people.
func (o Owner) String() string {
	switch o {
	case CRMAdmin:
		return "Sales or Service Cloud admin"
	case EngagementAdmin:
		return "Engagement admin"
	case User:
		return "user"
	}
	return string(o)
}

// State is how a step stands.
type State string

// The states.
const (
	Done State = "done"
	Open State = "open"
	// NotVisible: nothing that a public API tells says whether it was done.
	NotVisible State = "not_visible"
)

// String is the state for people.
func (s State) String() string {
	if s == NotVisible {
		return "not visible"
	}
	return string(s)
}

// Guide is one document as a guide.
type Guide struct {
	Name     string // number of the document: "001"
	Title    string // the document's own
	Article  string // its knowledge article's number; "" where it has none
	At       time.Time
	Purpose  []Note
	Sections []Section
}

// Note is what a document says beside its steps, with the rows of the requirements.
type Note struct {
	Rows []string
	Text string
}

// Section is a part of a document.
type Section struct {
	Title string
	Notes []Note
	Steps []Step
}

// Step is one step of a document.
type Step struct {
	Rows    []string // of the requirements, at least one: "S001-12"
	Number  string   // as the document counts, "6"; "" where it is no counted step
	Text    string
	Whose   Owner
	Warning string // that stands above it
	Click   string // the way through the product's pages
	Page    string // URL of the page; "" where Connect knows none
	Command string // of twinspan; "" where a person alone does it
	State   State
	Seen    string // what was read; "" for nothing
	Why     string // of a step that is not visible

	look func(*sight) reading
}

// ID is the first of the step's rows.
func (s Step) ID() string { return s.Rows[0] }

// Progress counts a guide's steps by state, and finds the one that is next.
type Progress struct {
	Done, Open, NotVisible int
	// Next is the first open step; nil where none is.
	Next *Step
	// Before are the steps directly before Next that are not visible, in their order: whoever is not sure does them first.
	Before []Step
	// Passed are the other steps before Next that are not visible: what follows them is done.
	Passed []Step
}

// Progress tells how far a guide has come.
func (g Guide) Progress() Progress {
	var p Progress
	var unseen, passed []Step
	for i := range g.Sections {
		for j := range g.Sections[i].Steps {
			s := &g.Sections[i].Steps[j]
			switch s.State {
			case Done:
				p.Done++
				passed, unseen = append(passed, unseen...), nil
			case NotVisible:
				p.NotVisible++
				unseen = append(unseen, *s)
			default:
				p.Open++
				if p.Next == nil {
					p.Next, p.Before, p.Passed = s, unseen, passed
				}
			}
		}
	}
	return p
}

// Question is what a guide is asked with.
type Question struct {
	doctor.Eyes
	// Alone: the org is looked at with Eyes and not as the system user: who asks may see no more than they do.
	Alone      bool
	User       string // of the org: whose mapping, or which integration user; "" for nobody
	SystemUser string // who is to be the system user, where the connection has none yet
}

// Sources are what a guide's states are read by.
type Sources struct {
	Doctor interface {
		Glance(ctx context.Context, l link.Link, q doctor.Question) (*doctor.Look, error)
	}
	Upgrades interface {
		Last(ctx context.Context, l link.Link) (upgrade.Upgrade, error)
	}
	TenantOAuth interface {
		Look(ctx context.Context, l link.Link) (tenantoauth.State, error)
	}
	Users interface {
		Show(ctx context.Context, l link.Link, crmUsername string) (mapping.User, error)
	}
	Now  func(link.Link) time.Time // domain time
	Base string                    // Connect's base URL, without trailing slash
}

// Service reads guides. It is safe for concurrent use.
type Service struct{ Sources }

// NewService wires the service.
func NewService(s Sources) *Service { return &Service{s} }

// document makes a guide's content for a connection.
type document struct {
	name  string
	write func(places) Guide
}

// documents are the five, by number.
var documents = []document{{"000", clearMappings}, {"001", setUp}, {"002", betweenClouds}, {"003", upgradeApp}, {"004", integrationUser}}

// Names are the guides' names, in the order of the documents.
func Names() []string {
	names := make([]string, len(documents))
	for i, d := range documents {
		names[i] = d.name
	}
	return names
}

// Text is a guide's content for a connection, without its states.
func (s *Service) Text(l link.Link, name string) (Guide, error) {
	return s.text(l, name, l.Org.Username)
}

// text is Text; system is the system user's name, as commands take it.
func (s *Service) text(l link.Link, name, system string) (Guide, error) {
	i := slices.IndexFunc(documents, func(d document) bool { return d.name == name })
	if i < 0 {
		return Guide{}, fault.New(fault.NotFound, CodeUnknown, "There is no guide of that name. The guides are 000, 001, 002, 003 and 004.").In("name")
	}
	g := documents[i].write(placesOf(l, s.Base, system))
	g.Name = name
	if l.Standing == link.OwnLink {
		underOwnLink(&g, l)
	}
	for i := range g.Sections {
		for j := range g.Sections[i].Steps {
			step := &g.Sections[i].Steps[j]
			step.Command = l.Typed(step.Command)
		}
	}
	return g, nil
}

// Read is a guide with its states as they are now.
func (s *Service) Read(ctx context.Context, l link.Link, name string, q Question) (Guide, error) {
	if _, err := s.Text(l, name); err != nil {
		return Guide{}, err
	}
	seen, err := s.sight(ctx, l, name, q)
	if err != nil {
		return Guide{}, err
	}
	g, err := s.text(seen.link, name, seen.systemUser()) // as the look found it: the spans' users stand in the commands
	if err != nil {
		return g, err
	}
	g.At = s.Now(seen.link)
	for i := range g.Sections {
		for j := range g.Sections[i].Steps {
			step := &g.Sections[i].Steps[j]
			r, without := spared(seen.link, name, *step)
			if !without {
				r = step.look(seen)
			}
			step.State, step.Seen, step.Why = r.state, r.seen, r.why
		}
	}
	return g, nil
}
