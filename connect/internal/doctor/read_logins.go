package doctor

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// Words of Login History (crm-wire 5.2, connect-facts 5.4).
const (
	statusSuccess = "Success"
	// notApproved is the Status that document 003 and connect-facts 5.4 name.
	notApproved   = "Failed: Not approved for access"
	typeSOAP      = "Other Apex API"
	subtypeJWT    = "OauthJwtBearer"
	subtypeByName = "OauthUsernamePassword"
)

// Types of AuthSession (crm-wire 5.2).
const (
	sessionOfApp  = "Oauth2"
	sessionByCall = "API" // of SOAP login()
)

// LoginRow is a row of Login History. Username is known of the connection's people, and of whoever signed in by a way that is
// looked at.
type LoginRow struct {
	ID, UserID, Username, Status, Type, SubType, Application, Address string
	At                                                                time.Time
}

// app reports whether the row is of a login through the connection's app.
func (r LoginRow) app(l link.Link) bool { return r.Application == l.ConnectedApp }

// OrgSession is a session of the org that lives.
type OrgSession struct {
	ID, Type, Address, LoginID string
	Began                      time.Time
	Current                    bool // the one that Connect looks with
}

const loginFields = "SELECT Id, UserId, LoginTime, LoginType, LoginSubType, Status, Application, SourceIp FROM LoginHistory "

// loginRows reads Login History.
func (r *reader) loginRows(ctx context.Context, org *crm.Session, rest string) ([]LoginRow, error) {
	people, _ := r.look.People.Get()
	rows, err := org.Query(ctx, loginFields+rest)
	out := make([]LoginRow, 0, len(rows))
	for _, row := range rows {
		id := row.String("UserId")
		out = append(out, LoginRow{
			ID: row.String("Id"), UserID: id, Username: people.ByID[id].Username, Status: row.String("Status"), Type: row.String("LoginType"), SubType: row.String("LoginSubType"),
			Application: row.String("Application"), Address: row.String("SourceIp"), At: row.Time("LoginTime"),
		})
	}
	return out, err
}

// readLogins reads who signed in: the patient, the system user, and everybody in the last day.
func (r *reader) readLogins(ctx context.Context, org *crm.Session) {
	k := r.look
	r.patientLogins(ctx, org, func(rest string) ([]LoginRow, error) { return r.loginRows(ctx, org, rest) })
	if id := k.systemID(); id == "" {
		lose(&k.Logins, orgNotConnected(r.link))
		lose(&k.Sessions, orgNotConnected(r.link))
	} else {
		fetch(&k.Logins, func() ([]LoginRow, error) {
			return r.loginRows(ctx, org, "WHERE UserId = "+crm.Literal(id)+" ORDER BY LoginTime DESC LIMIT 100")
		})
		fetch(&k.Sessions, func() ([]OrgSession, error) { return r.sessionsOf(ctx, org, id) })
	}
	fetch(&k.Day, func() ([]LoginRow, error) {
		if err := r.hidden(); err != nil { // who does not manage users sees his own alone
			return nil, err
		}
		since := k.Now.Add(-24 * time.Hour).Format("2006-01-02T15:04:05Z")
		all, err := r.loginRows(ctx, org, "WHERE LoginTime > "+since+" ORDER BY LoginTime DESC LIMIT "+strconv.Itoa(maxLogins+1))
		if err != nil {
			return nil, err
		}
		k.DayCut = len(all) > maxLogins
		return all, r.nameLogins(ctx, org, all)
	})
}

// nameLogins puts the user names to those rows of which a check says something.
func (r *reader) nameLogins(ctx context.Context, org *crm.Session, all []LoginRow) error {
	var ids []string
	for _, row := range all {
		if row.Username == "" && len(ids) < atOnce && (row.byName() || row.bySOAP() || row.app(r.link)) && !slices.Contains(ids, row.UserID) {
			ids = append(ids, row.UserID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := org.Query(ctx, "SELECT Id, Username FROM User WHERE Id IN ("+literals(ids)+")")
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, row := range rows {
		names[row.String("Id")] = row.String("Username")
	}
	for i := range all {
		all[i].Username = or(all[i].Username, or(names[all[i].UserID], all[i].UserID))
	}
	return nil
}

// sessionsOf reads the sessions of a user that live, with the login that each came of where Login History still has it.
func (r *reader) sessionsOf(ctx context.Context, org *crm.Session, id string) ([]OrgSession, error) {
	rows, err := org.Query(ctx, "SELECT Id, SessionType, SourceIp, CreatedDate, LoginHistoryId, IsCurrent FROM AuthSession WHERE UsersId = "+crm.Literal(id)+" ORDER BY CreatedDate DESC LIMIT "+strconv.Itoa(maxSessions+1))
	if err != nil {
		return nil, err
	}
	out := make([]OrgSession, 0, len(rows))
	known, _ := r.look.Logins.Get()
	var missing []string
	for _, row := range rows {
		s := OrgSession{ID: row.String("Id"), Type: row.String("SessionType"), Address: row.String("SourceIp"), LoginID: row.String("LoginHistoryId"), Began: row.Time("CreatedDate"), Current: row.Bool("IsCurrent")}
		out = append(out, s)
		if s.LoginID != "" && s.Type == sessionOfApp && !slices.ContainsFunc(known, func(l LoginRow) bool { return l.ID == s.LoginID }) {
			missing = append(missing, s.LoginID)
		}
	}
	if len(missing) > 0 {
		more, err := r.loginRows(ctx, org, "WHERE Id IN ("+literals(missing)+")")
		if err != nil {
			return nil, err
		}
		r.look.Logins = Got(slices.Concat(known, more))
	}
	return out, nil
}

// maxSessions bounds the sessions of the system user that are looked at.
const maxSessions = 200

// byName reports whether somebody signed in by the username-password flow.
func (r LoginRow) byName() bool { return r.SubType == subtypeByName && r.Status == statusSuccess }

// bySOAP reports whether a program signed in by SOAP login() that is none of Twinspan's own commands.
func (r LoginRow) bySOAP() bool {
	return r.Type == typeSOAP && r.Status == statusSuccess && !strings.EqualFold(r.Application, crm.ClientName)
}

// readVisits reads the API user's sessions in browsers.
func (r *reader) readVisits(ctx context.Context, tenant *engagement.Session) {
	k := r.look
	if name, why := k.apiUsername(); why != "" {
		lose(&k.Visits, why)
	} else {
		fetch(&k.Visits, func() ([]engagement.WebSession, error) { return tenant.WebSessions(ctx, name) })
	}
}
