package tenant

import (
	"context"
	"time"
)

// LoginOutcome is how an attempt to sign in ended, as the login history tells it. The words are ours: the real log's are not public.
type LoginOutcome string

// The outcomes. What nobody's name was tried with is counted and not kept (see [UserStore]).
const (
	LoginSuccess  LoginOutcome = "Success"
	LoginWrong    LoginOutcome = "Invalid Password"
	LoginLocked   LoginOutcome = "User is Locked"
	LoginInactive LoginOutcome = "User is Inactive"
	LoginAddress  LoginOutcome = "Address not on the Allowlist"
)

// KeepLogins is how long the login history reaches back, in machine time.
const KeepLogins = 90 * 24 * time.Hour

// LoginHistoryPage is how many attempts a page of the login history holds.
const LoginHistoryPage = 50

// LoginEvent is one attempt to sign in as a user: at the sign-in page, or with the password of a web service call where it
// was refused.
type LoginEvent struct {
	ID       int64 // time-ordered number
	Tenant   EID
	UserID   int64
	Username string // as the user is called now, where it is read
	Address  string // where it came from; "" from inside the program
	Outcome  LoginOutcome
	At       time.Time // domain time
}

// LoginHistoryStore reads what [UserStore] noted.
type LoginHistoryStore interface {
	// LoginEvents lists a tenant's attempts, of one user where userID is not 0, newest first: at most limit before the number
	// given, from the newest where it is 0.
	LoginEvents(ctx context.Context, eid EID, userID, before int64, limit int) ([]LoginEvent, error)
}

// LoginHistory is the service by which administrators read who signed in, and who could not.
type LoginHistory struct {
	People *People
	Store  LoginHistoryStore
}

// List gives a page of attempts, newest first, of one user where his user name is given. It concerns the whole tenant.
func (s *LoginHistory) List(ctx context.Context, p Principal, username string, before int64) (list []LoginEvent, more bool, err error) {
	if err := mayRead(p, ScopeUsersRead, ScopeUsersWrite); err != nil {
		return nil, false, err
	}
	if err := mayTenantWide(p); err != nil {
		return nil, false, err
	}
	var userID int64
	if username != "" {
		user, err := s.People.Registry.UserByName(ctx, username)
		if err != nil || user.Tenant != p.Tenant {
			return nil, false, absent(err, nil)
		}
		userID = user.ID
	}
	list, err = s.Store.LoginEvents(ctx, p.Tenant, userID, before, LoginHistoryPage+1)
	if len(list) > LoginHistoryPage {
		return list[:LoginHistoryPage], true, err
	}
	return list, false, err
}

// attempt is what the history keeps of the user's attempt.
func (s *SignIns) attempt(ctx context.Context, u User, outcome LoginOutcome) LoginEvent {
	e := LoginEvent{ID: s.serials.Next(), Tenant: u.Tenant, UserID: u.ID, Username: u.Username, Outcome: outcome, At: s.clock.Now(u.Tenant)}
	if from := AddressOf(ctx); from.IsValid() {
		e.Address = from.String()
	}
	return e
}

// refuseKnown costs what counting a wrong password costs, for a user whom no password opens now.
func (s *SignIns) refuseKnown(ctx context.Context, u User) error {
	outcome := LoginInactive
	if u.Active {
		outcome = LoginLocked
	}
	if err := s.users.Refused(ctx, s.attempt(ctx, u, outcome)); err != nil {
		return err
	}
	return errLoginFailed
}
