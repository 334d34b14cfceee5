package soapapi

import (
	"context"
	"mime"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// authenticate finds the caller in the Header, in the order of engagement-wire 9.2: a fueloauth token, a legacy oAuth
// token, else name and password of a WS-Security UsernameToken whose name is not the "*" that stands beside a legacy
// token. Elements are found by local name: clients put them into three different namespaces or none.
func (s *Server) authenticate(ctx context.Context, env *soap.Envelope) (tenant.Principal, error) {
	if env.Header == nil {
		return tenant.Principal{}, loginFailed()
	}
	token, err := text(env.Header, "fueloauth")
	if err != nil {
		return tenant.Principal{}, err
	}
	if token == "" {
		legacy, err := env.Header.One("oAuth")
		if err != nil {
			return tenant.Principal{}, err
		}
		if token, err = text(legacy, "oAuthToken"); err != nil {
			return tenant.Principal{}, err
		}
	}
	if token = strings.TrimSpace(token); token != "" {
		return s.o.Auth.Token(ctx, token)
	}
	security, err := env.Header.One("Security")
	if err != nil || security == nil {
		return tenant.Principal{}, loginFailedOr(err)
	}
	user, err := security.One("UsernameToken")
	if err != nil || user == nil {
		return tenant.Principal{}, loginFailedOr(err)
	}
	name, err := text(user, "Username")
	if err != nil {
		return tenant.Principal{}, err
	}
	password, err := text(user, "Password")
	if err != nil {
		return tenant.Principal{}, err
	}
	if name = strings.TrimSpace(name); name == "" || name == "*" || password == "" {
		return tenant.Principal{}, loginFailed()
	}
	p, err := s.o.Auth.Password(ctx, name, password)
	if err == nil && !p.Can(tenant.PermWebServices) {
		return tenant.Principal{}, fault.New(fault.Denied, tenant.CodeNoWebServices, "The user has no permission to use the web services.")
	}
	return p, err
}

// text is the text of the only child of that name, as written; "" where there is none. Twice is refused: two readers
// could take different ones.
func text(parent *soap.Element, local string) (string, error) {
	if parent == nil {
		return "", nil
	}
	el, err := parent.One(local)
	if err != nil || el == nil {
		return "", err
	}
	return el.Text, nil
}

func loginFailed() error {
	return fault.New(fault.Unauthenticated, tenant.CodeLoginFailed, "Login Failed")
}

func loginFailedOr(err error) error {
	if err != nil {
		return err
	}
	return loginFailed()
}

// contentTypeAction is the action parameter of a SOAP 1.2 content type (RFC 3902 section 3).
func contentTypeAction(contentType string) string {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return params["action"]
}
