package link

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/fault"
)

// Settings are what a connection is told besides who stands on it. In a change, what is nil stays as it is.
type Settings struct {
	// Legacy says what becomes of new password connections into the org.
	Legacy *LegacyPolicy
	// TenantAuth is by which driver the span into Engagement is connected next.
	TenantAuth *Driver
	// Names are what things are called in the org, by key; in a change those alone that change, "" for the default.
	Names map[string]string
}

// SettingsOf are the settings that a connection has.
func SettingsOf(l Link) Settings {
	auth := l.TenantAuth
	if auth == "" {
		if auth = l.Tenant.Driver; auth == "" {
			auth = JWT
		}
	}
	legacy := l.Legacy
	if legacy == "" {
		legacy = RefuseLegacy
	}
	return Settings{Legacy: &legacy, TenantAuth: &auth, Names: l.Names().Map()}
}

func (s Settings) check() error {
	if s.Legacy != nil && *s.Legacy != WarnLegacy && *s.Legacy != RefuseLegacy {
		return fault.New(fault.Invalid, CodeInvalidLink, "legacy is warn or refuse.").In("legacy")
	}
	if s.TenantAuth != nil {
		switch *s.TenantAuth {
		case JWT, Password, WebApp:
		default:
			return fault.New(fault.Invalid, CodeInvalidDriver, "engagement_auth is jwt, password or web_app.").In("engagement_auth")
		}
	}
	return nil
}

// apply is the link with the changes.
func (s Settings) apply(l Link) (Link, error) {
	if s.Legacy != nil {
		l.Legacy = *s.Legacy
	}
	if s.TenantAuth != nil {
		if l.TenantAuth = *s.TenantAuth; l.TenantAuth == l.Tenant.Driver {
			l.TenantAuth = ""
		}
	}
	var err error
	if l.Called, err = l.Called.With(s.Names); l.Called.App == l.ConnectedApp {
		l.Called.App = ""
	}
	return l, err
}

// SetSettings changes settings.
func (s *Service) SetSettings(ctx context.Context, l Link, c Settings, actor string) (Link, error) {
	if err := c.check(); err != nil {
		return Link{}, err
	}
	return s.store.UpdateLink(ctx, l.Pair, audit.Change{At: s.Now(l), Actor: actor, Action: audit.ConnectionSettings}, func(l Link) (Link, error) {
		return c.apply(l)
	})
}
