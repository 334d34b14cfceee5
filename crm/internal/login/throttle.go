package login

import (
	"context"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// checkPassword decides a login by user name and password, whatever door it comes through. Too many are refused before any
// password is hashed.
func (s *Server) checkPassword(ctx context.Context, a org.Attempt) (org.Checked, error) {
	var checked org.Checked
	err := s.throttle.Guard(ctx, a.Username, a.IP, func() (err error) {
		checked, err = s.passwords.Check(ctx, a)
		return err
	})
	if err == nil && a.API {
		err = s.checkMyDomain(ctx, checked.User, a.Host, true)
		if fault.CodeOf(err) == org.CodeOtherMyDomain { // as for every login by API, nobody is told which part was wrong
			checked.Status = org.StatusNoAccess
			err = fault.New(fault.Unauthenticated, org.CodeBadCredentials, "Invalid username, password, security token; or user locked out.")
		}
	}
	return checked, err
}

// retryAfter tells when a refused login may be tried again, where the refusal says so.
func retryAfter(w http.ResponseWriter, err error) {
	if n := org.RetryAfter(err); n > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(n))
	}
}
