package rest

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// passwordOf is the user whose password the path names: /sobjects/User/{id}/password (crm-wire 3.9).
func passwordOf(c *call) (org.ID, error) {
	if c.inside != 0 { // passwords are hashed, which no transaction waits for
		return "", notFound()
	}
	id, err := org.ParseID(c.field)
	if err == nil && id.Prefix() != org.PrefixUser {
		err = notFound()
	}
	return id, err
}

func (s *Server) passwordState(ctx context.Context, c *call) (answer, error) {
	id, err := passwordOf(c)
	if err != nil {
		return answer{}, err
	}
	expired, err := s.Accounts.PasswordExpired(ctx, c.session, id)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, object{{"isExpired", expired}}}, nil
}

func (s *Server) setPassword(ctx context.Context, c *call) (answer, error) {
	id, err := passwordOf(c)
	if err != nil {
		return answer{}, err
	}
	password, ok := c.body["NewPassword"].(string)
	if !ok || len(c.body) != 1 {
		return answer{}, fault.New(fault.Invalid, org.CodeRequiredFieldMissing, "The body is one text, NewPassword.").In("NewPassword")
	}
	err = s.Accounts.Guarded(ctx, c.session, c.ip, func() error { return s.Accounts.SetFor(ctx, c.session, id, vault.Secret(password)) })
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func (s *Server) resetPassword(ctx context.Context, c *call) (answer, error) {
	id, err := passwordOf(c)
	if err != nil {
		return answer{}, err
	}
	var password vault.Secret
	err = s.Accounts.Guarded(ctx, c.session, c.ip, func() (err error) {
		password, err = s.Accounts.Reset(ctx, c.session, id)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, object{{"NewPassword", password.Reveal()}}}, nil
}
