package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/vault"
)

type guidesBody struct {
	Guides []guideTitle `json:"guides"`
}

type guideTitle struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Article string `json:"article,omitempty"`
}

type guideBody struct {
	guideTitle
	At         time.Time      `json:"at"`
	Done       int            `json:"done"`
	Open       int            `json:"open"`
	NotVisible int            `json:"not_visible"`
	Next       string         `json:"next,omitempty"` // id of the next step; absent where none is open
	Purpose    []guideNote    `json:"purpose"`
	Sections   []guideSection `json:"sections"`
}

type guideNote struct {
	Rows []string `json:"rows"`
	Text string   `json:"text"`
}

type guideSection struct {
	Title string      `json:"title"`
	Notes []guideNote `json:"notes,omitempty"`
	Steps []guideStep `json:"steps,omitempty"`
}

type guideStep struct {
	ID      string      `json:"id"`
	Rows    []string    `json:"rows"`
	Number  string      `json:"number,omitempty"`
	Text    string      `json:"text"`
	Owner   guide.Owner `json:"owner"`
	Warning string      `json:"warning,omitempty"`
	Click   string      `json:"click,omitempty"`
	Page    string      `json:"page,omitempty"`
	Command string      `json:"command,omitempty"`
	State   guide.State `json:"state"`
	Seen    string      `json:"seen,omitempty"`
	Why     string      `json:"why,omitempty"` // of a step that is not visible
}

func guideNotes(all []guide.Note) []guideNote {
	out := make([]guideNote, len(all))
	for i, n := range all {
		out[i] = guideNote{n.Rows, n.Text}
	}
	return out
}

func guideOf(g guide.Guide) guideBody {
	p := g.Progress()
	body := guideBody{
		guideTitle: guideTitle{g.Name, g.Title, g.Article}, At: g.At, Done: p.Done, Open: p.Open, NotVisible: p.NotVisible, Purpose: guideNotes(g.Purpose),
	}
	if p.Next != nil {
		body.Next = p.Next.ID()
	}
	for _, s := range g.Sections {
		section := guideSection{Title: s.Title, Notes: guideNotes(s.Notes)}
		for _, one := range s.Steps {
			section.Steps = append(section.Steps, guideStep{one.ID(), one.Rows, one.Number, one.Text, one.Whose, one.Warning, one.Click, one.Page, one.Command, one.State, one.Seen, one.Why})
		}
		body.Sections = append(body.Sections, section)
	}
	return body
}

func (s *Server) guides(_ context.Context, c call) (any, error) {
	var body guidesBody
	for _, name := range guide.Names() {
		g, err := s.Guides.Text(c.link, name)
		if err != nil {
			return nil, err
		}
		body.Guides = append(body.Guides, guideTitle{g.Name, g.Title, g.Article})
	}
	return body, nil
}

// guide reads as the system user and as the API user.
func (s *Server) guide(ctx context.Context, c call) (any, error) {
	return s.readGuide(ctx, c.link, c.value, guide.Question{User: c.user, SystemUser: c.query.Get("system_user")})
}

// guideLent reads through sessions that were lent for it.
func (s *Server) guideLent(ctx context.Context, c call) (any, error) {
	var in struct {
		OrgToken    vault.Secret `json:"org_access_token"`
		OrgInstance string       `json:"org_instance_url"`
		User        string       `json:"user"`
		SystemUser  string       `json:"system_user"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.readGuide(ctx, c.link, c.value, guide.Question{Eyes: doctor.Eyes{OrgToken: in.OrgToken, OrgInstanceURL: in.OrgInstance}, User: in.User, SystemUser: in.SystemUser})
}

func (s *Server) readGuide(ctx context.Context, l link.Link, name string, q guide.Question) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	g, err := s.Guides.Read(ctx, l, name, q)
	if err != nil {
		return nil, err
	}
	return guideOf(g), nil
}
