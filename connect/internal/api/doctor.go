package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

type doctorBody struct {
	At        time.Time         `json:"at"`
	Healthy   bool              `json:"healthy"` // everything was looked at, and nothing found
	State     link.State        `json:"state"`
	Findings  []doctorFinding   `json:"findings"`
	Unchecked []doctorUnchecked `json:"unchecked"`
	Passed    []string          `json:"passed"` // ids of the checks that found nothing
	// OrgCalls and EngagementCalls are how many calls the look made.
	OrgCalls        int `json:"org_calls"`
	EngagementCalls int `json:"engagement_calls"`
}

type doctorFinding struct {
	Check    string          `json:"check"`
	Name     string          `json:"name"`
	Severity doctor.Severity `json:"severity"`
	Subject  string          `json:"subject,omitempty"`
	Seen     string          `json:"seen"`
	Expected string          `json:"expected"`
	Why      string          `json:"why"`
	Click    string          `json:"click,omitempty"`
	Command  string          `json:"command,omitempty"`
	See      string          `json:"see,omitempty"`
	Document string          `json:"document,omitempty"`
	// Mend: the command does it and is safe; absent where a person has to decide.
	Mend *doctorMend `json:"mend,omitempty"`
}

type doctorMend struct {
	By     doctor.Person `json:"by"`
	Effect string        `json:"effect"`
	Last   bool          `json:"last"`
}

type doctorUnchecked struct {
	Check   string `json:"check"`
	Name    string `json:"name"`
	Because string `json:"because"`
}

func doctorOf(r doctor.Report) doctorBody {
	body := doctorBody{
		At: r.At, Healthy: r.Healthy(), State: r.Link.State(), Findings: make([]doctorFinding, len(r.Findings)), Unchecked: make([]doctorUnchecked, len(r.Unchecked)), Passed: r.Passed,
		OrgCalls: r.OrgCalls, EngagementCalls: r.TenantCalls,
	}
	if body.Passed == nil {
		body.Passed = []string{}
	}
	for i, f := range r.Findings {
		body.Findings[i] = doctorFinding{f.Check, f.Name, f.Severity, f.Subject, f.Seen, f.Expected, f.Why, f.Click, f.Command, f.See, f.Document, nil}
		if m := f.Mend; m.Safe() {
			body.Findings[i].Mend = &doctorMend{m.By, m.Effect, m.Last}
		}
	}
	for i, u := range r.Unchecked {
		body.Unchecked[i] = doctorUnchecked{u.Check, u.Name, u.Because}
	}
	return body
}

// lookTimeout bounds one look.
const lookTimeout = time.Minute

// doctor looks as the system user and as the API user.
func (s *Server) doctor(ctx context.Context, c call) (any, error) {
	return s.look(ctx, c, doctor.Eyes{}, c.user, c.before)
}

// doctorLent looks through sessions that were lent for it.
func (s *Server) doctorLent(ctx context.Context, c call) (any, error) {
	var in struct {
		lent
		User   string `json:"user"`
		Before string `json:"before"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.look(ctx, c, in.eyes(), in.User, in.Before)
}

// lent are sessions of people who see more.
type lent struct {
	OrgToken      vault.Secret `json:"org_access_token"`
	OrgInstance   string       `json:"org_instance_url"`
	TenantToken   vault.Secret `json:"engagement_access_token"`
	TenantRESTURL string       `json:"engagement_rest_url"`
	TenantSOAPURL string       `json:"engagement_soap_url"`
	SystemUser    string       `json:"system_user"`
	APIUser       string       `json:"api_user"`
}

func (l lent) eyes() doctor.Eyes {
	return doctor.Eyes{OrgToken: l.OrgToken, OrgInstanceURL: l.OrgInstance, TenantToken: l.TenantToken, TenantRESTURL: l.TenantRESTURL, TenantSOAPURL: l.TenantSOAPURL, SystemUser: l.SystemUser, APIUser: l.APIUser}
}

// look is about one user, about a change that is to come, or about everything.
func (s *Server) look(ctx context.Context, c call, eyes doctor.Eyes, user, before string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var r doctor.Report
	var err error
	switch {
	case user != "" && before != "":
		return nil, fault.New(fault.Invalid, doctor.CodeInvalid, "Ask for a user, or before a change.").In("before")
	case user != "":
		r, err = s.Doctor.User(ctx, c.link, eyes, user)
	case before != "":
		var change doctor.Change
		if change, err = doctor.ParseChange(before); err == nil {
			r, err = s.Doctor.Before(ctx, c.link, eyes, change)
		}
	default:
		r, err = s.Doctor.Look(ctx, c.link, eyes, doctor.Checks())
	}
	if err != nil {
		return nil, err
	}
	return doctorOf(r), nil
}
