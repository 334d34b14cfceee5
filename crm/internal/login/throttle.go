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
	if err := s.throttle.Allow(a.Username, a.IP); err != nil {
		return org.Checked{}, err
	}
	checked, err := s.passwords.Check(ctx, a)
	if fault.CodeOf(err) == org.CodeBadCredentials {
		s.throttle.Failed(a.IP)
	}
	return checked, err
}

// guarded runs what looks at a user's password or link outside a login, and is limited as logins are: by the user name, and
// by the network that failures come from. "" limits by the network alone.
func (s *Server) guarded(username, ip string, do func() error) error {
	err := s.throttle.AllowFrom(ip)
	if username != "" {
		err = s.throttle.Allow(username, ip)
	}
	if err != nil {
		return err
	}
	err = do()
	if code := fault.CodeOf(err); code == org.CodeInvalidOldPassword || code == org.CodeLinkEnded {
		s.throttle.Failed(ip)
	}
	return err
}

// retryAfter tells when a refused login may be tried again, where the refusal says so.
func retryAfter(w http.ResponseWriter, err error) {
	if n := org.RetryAfter(err); n > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(n))
	}
}
