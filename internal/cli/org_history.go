package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// orgSessionCmd is Setup > Security > Session Management.
type orgSessionCmd struct {
	List   orgSessionListCmd   `cmd:"" help:"List the sessions that live. Closing a tab ends none; logging out does."`
	Revoke orgSessionRevokeCmd `cmd:"" help:"End a session, or all of a user."`
	Token  orgSessionTokenCmd  `cmd:"" help:"Log in to the built-in org and print the session's access token, for TWINSPAN_ORG_TOKEN of a Connect that stands beside it."`
}

// orgSessionTokenCmd logs in and leaves the session.
type orgSessionTokenCmd struct{ orgFlags }

// Help is what `twinspan org session token --help` says beneath the flags' summary.
func (*orgSessionTokenCmd) Help() string {
	return `In a rehearsal, what the org of one program lends to the Connect of another: export TWINSPAN_ORG_TOKEN=$(twinspan org session token --ready-file clouds.json).
The session is the administrator's, or --org-user's, and ends by "twinspan org session revoke" or the org's session timeout. Of a real org
"sf org login web", then "SF_TEMP_SHOW_SECRETS=true sf org display --json" shows it as accessToken.`
}

// Run prints the token, on a line of its own.
func (c *orgSessionTokenCmd) Run(ctx context.Context, a *app) error {
	if token, _ := a.Lookup("TWINSPAN_ORG_TOKEN"); c.OrgURL != "" && token != "" {
		return usagef("--org-url: TWINSPAN_ORG_TOKEN has a token of this org already")
	}
	_, token, err := c.signIn(ctx, a)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"access_token": token.AccessToken.Reveal()})
	}
	return a.print(oneLine(token.AccessToken.Reveal()) + "\n")
}

// orgSession is a session that lives.
type orgSession struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Type    string    `json:"type"`
	From    string    `json:"from"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"` // unless it is used before
}

func orgSessions(ctx context.Context, s *crm.Session, username string) ([]orgSession, error) {
	where := ""
	if username != "" {
		u, err := oneOrgUser(ctx, s, username) // a mistyped name is not a user without sessions
		if err != nil {
			return nil, err
		}
		where = " WHERE UsersId = " + crm.Literal(u.ID)
	}
	rows, err := s.Query(ctx, "SELECT Id, Users.Username, SessionType, SourceIp, CreatedDate, LastModifiedDate, NumSecondsValid FROM AuthSession"+where+" ORDER BY CreatedDate, Id")
	out := make([]orgSession, len(rows))
	for i, r := range rows {
		out[i] = orgSession{
			ID: r.String("Id"), User: r.Related("Users").String("Username"), Type: r.String("SessionType"), From: r.String("SourceIp"),
			Created: r.Time("CreatedDate"), Expires: r.Time("LastModifiedDate").Add(time.Duration(r.Int("NumSecondsValid")) * time.Second),
		}
	}
	return out, err
}

type orgSessionListCmd struct {
	orgFlags
	User string `help:"Only this user's." placeholder:"USERNAME" env:"-"`
}

// Run lists the sessions, its own among them.
func (c *orgSessionListCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		sessions, err := orgSessions(ctx, s, c.User)
		if err != nil {
			return err
		}
		return list(a, sessions, []string{"id", "user", "type", "from", "since", "expires unused"}, func(o orgSession) []string {
			return []string{o.ID, o.User, o.Type, o.From, o.Created.Format(time.RFC3339), o.Expires.Format(time.RFC3339)}
		})
	})
}

type orgSessionRevokeCmd struct {
	orgFlags
	ID  string `arg:"" optional:"" help:"Id of a session, as list prints it."`
	All string `help:"User name of whose sessions are all ended." placeholder:"USERNAME" env:"-"`
}

// Run ends sessions. One that ended meanwhile is ended.
func (c *orgSessionRevokeCmd) Run(ctx context.Context, a *app) error {
	if (c.ID == "") == (c.All == "") {
		return usagef("name a session's id, or --all with a user name")
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		if c.ID != "" {
			ended, err := endSession(ctx, s, c.ID)
			if err != nil {
				return err
			}
			if !ended {
				return a.printDone(false, map[string]any{"ended": 0}, "no session lives under that id: it ended before, or never was")
			}
			return a.printDone(true, map[string]any{"ended": 1}, "1 session ended")
		}
		sessions, err := orgSessions(ctx, s, c.All)
		if err != nil {
			return err
		}
		me, err := s.UserInfo(ctx)
		if err != nil {
			return err
		}
		if strings.EqualFold(me.Username, c.All) {
			return usagef("that would end this command's own session; end your own one by one")
		}
		n := 0
		for _, o := range sessions {
			ended, err := endSession(ctx, s, o.ID)
			if err != nil {
				return err
			}
			if ended {
				n++
			}
		}
		return a.printDone(n > 0, map[string]any{"ended": n}, "%d sessions ended", n)
	})
}

// endSession ends a session, and says whether there was one to end.
func endSession(ctx context.Context, s *crm.Session, id string) (bool, error) {
	err := s.DeleteRecord(ctx, "AuthSession", id)
	if fault.CodeOf(err) == client.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// maxHistory bounds how many rows a command shows.
const maxHistory = 2000

func checkLimit(n int) error {
	if n < 1 || n > maxHistory {
		return usagef("--limit: %d is not from 1 to %d", n, maxHistory)
	}
	return nil
}

// orgLoginsCmd is Setup > Identity > Login History.
type orgLoginsCmd struct {
	orgFlags
	User  string `help:"Only this user's." placeholder:"USERNAME" env:"-"`
	Limit int    `help:"How many, newest first." default:"50" env:"-"`
}

// Run prints attempts to log in, newest first.
func (c *orgLoginsCmd) Run(ctx context.Context, a *app) error {
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		where := ""
		if c.User != "" {
			u, err := oneOrgUser(ctx, s, c.User)
			if err != nil {
				return err
			}
			where = " WHERE UserId = " + crm.Literal(u.ID)
		}
		users, err := orgUsers(ctx, s, "")
		if err != nil {
			return err
		}
		names := map[string]string{}
		for _, u := range users {
			names[u.ID] = u.Username
		}
		rows, err := s.Query(ctx, fmt.Sprintf("SELECT LoginTime, UserId, Status, LoginType, LoginSubType, Application, SourceIp FROM LoginHistory%s ORDER BY LoginTime DESC LIMIT %d",
			where, c.Limit))
		if err != nil {
			return err
		}
		type attempt struct {
			Time        time.Time `json:"time"`
			User        string    `json:"user"`
			Status      string    `json:"status"`
			Type        string    `json:"type"`
			Subtype     string    `json:"subtype,omitempty"`
			Application string    `json:"application"`
			From        string    `json:"from"`
		}
		out := make([]attempt, len(rows))
		for i, r := range rows {
			out[i] = attempt{
				r.Time("LoginTime"), names[r.String("UserId")], r.String("Status"), r.String("LoginType"), r.String("LoginSubType"), r.String("Application"), r.String("SourceIp"),
			}
		}
		return list(a, out, []string{"time", "user", "status", "type", "application", "from"}, func(e attempt) []string {
			return []string{e.Time.Format(time.RFC3339), e.User, e.Status, strings.TrimSpace(e.Type + " " + e.Subtype), e.Application, e.From}
		})
	})
}

// orgTrailCmd is Setup > Security > View Setup Audit Trail.
type orgTrailCmd struct {
	orgFlags
	Section string `help:"Only this section, such as \"Connected Apps\"." placeholder:"NAME" env:"-"`
	Limit   int    `help:"How many, newest first." default:"50" env:"-"`
}

// Run prints changes of Setup, newest first.
func (c *orgTrailCmd) Run(ctx context.Context, a *app) error {
	if err := checkLimit(c.Limit); err != nil {
		return err
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		where := ""
		if c.Section != "" {
			where = " WHERE Section = " + crm.Literal(c.Section)
		}
		rows, err := s.Query(ctx, fmt.Sprintf("SELECT CreatedDate, CreatedBy.Username, DelegateUser, Section, Action, Display FROM SetupAuditTrail%s ORDER BY CreatedDate DESC, Id DESC LIMIT %d",
			where, c.Limit))
		if err != nil {
			return err
		}
		type entry struct {
			Time     time.Time `json:"time"`
			User     string    `json:"user"`
			Delegate string    `json:"delegate,omitempty"` // administrator who was logged in as the user
			Section  string    `json:"section"`
			Action   string    `json:"action"`
			Display  string    `json:"display"`
		}
		out := make([]entry, len(rows))
		for i, r := range rows {
			out[i] = entry{r.Time("CreatedDate"), r.Related("CreatedBy").String("Username"), r.String("DelegateUser"), r.String("Section"), r.String("Action"), r.String("Display")}
		}
		return list(a, out, []string{"time", "user", "section", "change"}, func(e entry) []string {
			who := e.User
			if e.Delegate != "" {
				who = e.Delegate + " as " + who
			}
			return []string{e.Time.Format(time.RFC3339), who, e.Section, e.Display}
		})
	})
}
