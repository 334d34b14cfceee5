package api

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/internal/fault"
)

type offerBody struct {
	Available bool `json:"available"`
	// Code and Message are why not; absent where it is.
	Code    fault.Code `json:"code,omitempty"`
	Message string     `json:"message,omitempty"`
	// Users were mapped before the upgrade and are not reconnected.
	Users      int        `json:"users"`
	UpgradedAt *time.Time `json:"upgraded_at,omitempty"`
	Until      *time.Time `json:"until,omitempty"`
}

func offerOf(o migration.Offer) offerBody {
	b := offerBody{Available: o.Available(), Users: o.Users, UpgradedAt: when(o.UpgradedAt), Until: when(o.Until)}
	if err := o.Refusal(); err != nil {
		b.Code, b.Message = o.Code, fault.Of(err).Message
	}
	return b
}

type migrationsBody struct {
	Offer      offerBody       `json:"offer"`
	Migrations []migrationBody `json:"migrations"`
}

type migrationBody struct {
	ID        string          `json:"id"`
	Upgrade   string          `json:"upgrade,omitempty"`
	State     migration.State `json:"state"`
	Phase     migration.Phase `json:"phase"`
	Retry     bool            `json:"retry,omitempty"`
	StartedBy string          `json:"started_by"`
	CreatedAt time.Time       `json:"created_at"`
	// Error is why the connection itself broke the work off.
	Error       string  `json:"error,omitempty"`
	Total       int     `json:"total"`
	Reconnected int     `json:"reconnected"`
	Waiting     int     `json:"waiting"`
	Failed      int     `json:"failed"`
	Percent     float64 `json:"percent"`
	// Rate is in users a second, SecondsLeft in seconds; absent where they are not known.
	Rate        float64    `json:"rate,omitempty"`
	SecondsLeft float64    `json:"seconds_left,omitempty"`
	Files       []fileBody `json:"files,omitempty"`
}

type fileBody struct {
	Success  string              `json:"success,omitempty"`
	Failures string              `json:"failures,omitempty"`
	State    migration.FileState `json:"state"`
	Error    string              `json:"error,omitempty"`
}

func migrationOf(r migration.Run) migrationBody {
	b := migrationBody{
		ID: r.ID, Upgrade: r.Upgrade, State: r.State, Phase: r.Phase, Retry: r.Retry, StartedBy: r.Actor, CreatedAt: r.CreatedAt, Error: r.Error,
		Total: r.Total, Reconnected: r.Reconnected, Waiting: r.Waiting, Failed: r.Failed, Percent: r.Percent(), Rate: r.Rate(), SecondsLeft: r.Left().Seconds(),
	}
	for _, f := range r.Files {
		one := fileBody{State: f.State, Error: f.Error}
		if f.Stem != "" {
			one.Success, one.Failures = f.Success(), f.Failures()
		}
		b.Files = append(b.Files, one)
	}
	return b
}

func (s *Server) migrations(ctx context.Context, c call) (any, error) {
	o, err := s.Migrations.Offer(ctx, c.link)
	if err != nil {
		return nil, err
	}
	runs, err := s.Migrations.List(ctx, c.link, c.limit)
	body := migrationsBody{Offer: offerOf(o), Migrations: make([]migrationBody, 0, len(runs))}
	for _, r := range runs {
		body.Migrations = append(body.Migrations, migrationOf(r))
	}
	return body, err
}

// changeMigration serves calls that say no more than who asks.
func (s *Server) changeMigration(c call, change func(actor string) (migration.Run, error)) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	r, err := change(in.By)
	return migrationOf(r), err
}

func (s *Server) startMigration(ctx context.Context, c call) (any, error) {
	return s.changeMigration(c, func(actor string) (migration.Run, error) { return s.Migrations.Start(ctx, c.link, "", actor) })
}

func (s *Server) retryMigration(ctx context.Context, c call) (any, error) {
	return s.changeMigration(c, func(actor string) (migration.Run, error) { return s.Migrations.Retry(ctx, c.link, actor) })
}

func (s *Server) proveMigration(ctx context.Context, c call) (any, error) {
	if err := s.keepsRun(ctx, c); err != nil {
		return nil, err
	}
	return s.changeMigration(c, func(actor string) (migration.Run, error) { return s.Migrations.Prove(ctx, c.link, c.value, actor) })
}

// keepsRun refuses to change a migration that an upgrade under way is at work on.
func (s *Server) keepsRun(ctx context.Context, c call) error {
	r, err := s.Migrations.Status(ctx, c.link, c.value)
	if err != nil {
		return err
	}
	return s.Upgrades.KeepsRun(ctx, c.link, r.Upgrade)
}

func (s *Server) cancelMigration(ctx context.Context, c call) (any, error) {
	if err := s.keepsRun(ctx, c); err != nil {
		return nil, err
	}
	return s.changeMigration(c, func(actor string) (migration.Run, error) { return s.Migrations.Cancel(ctx, c.link, c.value, actor) })
}

func (s *Server) migration(ctx context.Context, c call) (any, error) {
	r, err := s.Migrations.Status(ctx, c.link, c.value)
	return migrationOf(r), err
}

type migratedBody struct {
	Position           int              `json:"position"`
	CRMUserID          string           `json:"crm_user_id"`
	CRMUsername        string           `json:"crm_username"`
	CRMName            string           `json:"crm_name,omitempty"`
	EngagementUsername string           `json:"engagement_username"`
	AccountID          int64            `json:"account_id"`
	Result             migration.Result `json:"result"`
	Attempts           int              `json:"attempts"`
	Code               string           `json:"code,omitempty"`
	Reason             string           `json:"reason,omitempty"`
	At                 *time.Time       `json:"at,omitempty"`
}

type migratedUsersBody struct {
	Users []migratedBody `json:"users"`
	// Next is the value of "after" for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

func (s *Server) migrationUsers(ctx context.Context, c call) (any, error) {
	after, err := position(c.after)
	if err != nil {
		return nil, err
	}
	f := migration.Filter{After: after, Limit: c.limit}
	if only := c.query.Get("result"); only != "" {
		r, err := migration.ParseResult(only)
		if err != nil {
			return nil, err
		}
		f.Results = []migration.Result{r}
	}
	users, err := s.Migrations.Results(ctx, c.link, c.value, f)
	if err != nil {
		return nil, err
	}
	body := migratedUsersBody{Users: make([]migratedBody, 0, len(users))}
	for _, u := range users {
		body.Users = append(body.Users, migratedBody{u.Position, u.CRMUserID, u.CRMUsername, u.CRMName, u.EngagementUsername, u.MID, u.Result, u.Attempts, u.Code, u.Reason, when(u.At)})
	}
	if len(users) == c.limit {
		body.Next = strconv.Itoa(users[len(users)-1].Position)
	}
	return body, nil
}

// earlierOf is the finding about users who were mapped before an upgrade and are not reconnected; nil where nobody is.
func (s *Server) earlierOf(ctx context.Context, l link.Link) (*againstBody, error) {
	o, err := s.Migrations.Offer(ctx, l)
	if err != nil || o.Users == 0 {
		return nil, err
	}
	next := "migrate existing users, with `upgrade migrate`, until " + o.Until.UTC().Format(time.RFC3339) + "."
	if refused := o.Refusal(); refused != nil {
		next = fault.Of(refused).Message
	}
	return &againstBody{string(mapping.CodeNotReconnected), fmt.Sprintf("Not reconnected since the upgrade to Connected App authentication: %d mapped users, who cannot use the connection: %s", o.Users, next)}, nil
}

// migrationReport answers with one of the two lists, as CSV.
func (s *Server) migrationReport(ctx context.Context, c call) (any, error) {
	report, err := migration.ParseReport(c.query.Get("report"))
	if err != nil {
		return nil, err
	}
	name, write, err := s.Migrations.Report(ctx, c.link, c.value, report)
	if err != nil {
		return nil, err
	}
	return download{name, "text/csv; charset=utf-8", write}, nil
}
