package login

import (
	"context"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// checkPassword decides a login by user name and password, whatever door it comes through. Too many are refused before any
// password is hashed, and leave one row of Login History for each window; row begins one at this door. All other rows are the
// door's own.
func (s *Server) checkPassword(ctx context.Context, a org.Attempt, row func(org.User) org.LoginEvent) (org.Checked, error) {
	var checked org.Checked
	err := s.throttle.Guard(ctx, a.Username, a.IP, func() (err error) {
		checked, err = s.passwords.Check(ctx, a)
		return err
	})
	if err != nil && s.throttle.FirstRefused(err, a.Username, a.IP) {
		if noted := s.noteThrottled(ctx, a.Username, row); noted != nil {
			return org.Checked{}, noted
		}
	}
	if err == nil && a.API {
		err = s.checkMyDomain(ctx, checked.User, a.Host, true)
		if fault.CodeOf(err) == org.CodeOtherMyDomain { // as for every login by API, nobody is told which part was wrong
			checked.Status = org.StatusNoAccess
			err = fault.New(fault.Unauthenticated, org.CodeBadCredentials, "Invalid username, password, security token; or user locked out.")
		}
	}
	return checked, err
}

// noteThrottled keeps the row that stands for a window's refused logins. A name that nobody has costs as much.
func (s *Server) noteThrottled(ctx context.Context, username string, row func(org.User) org.LoginEvent) error {
	u, err := s.known.UserByUsername(ctx, username)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	s.noteRefused(ctx, row(u), org.StatusRateExceeded)
	return nil
}

// retryAfter tells when a refused login may be tried again, where the refusal says so.
func retryAfter(w http.ResponseWriter, err error) {
	if n := org.RetryAfter(err); n > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(n))
	}
}
