package link

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodePackageTooOld: what is asked for needs a newer release of the managed package.
const CodePackageTooOld fault.Code = "package_too_old"

// Disconnected is the link with both spans down. Its parameters stay: the clouds hold the certificates still.
func (l Link) Disconnected() Link {
	l.Org, l.Tenant = OrgSpan{State: SpanDown}, TenantSpan{State: SpanDown}
	return l
}

// MayDisconnect refuses an org whose package is older than disconnecting (connect-facts 3.5: 5.493 and newer). That holds for the
// package's own connection, which Connect's is where the clouds are the program's; an own link, or looking beside the package,
// ends whatever the org has installed.
func (l Link) MayDisconnect() error {
	if l.Standing == Embedded && l.Package.TokenInField() {
		return fault.New(fault.Conflict, CodePackageTooOld, "Disconnecting needs version %s of the managed package or newer; the org has %s.", ProtectedSince, l.Package)
	}
	return nil
}

// Disconnect takes both spans down, after the grant of the API user was given back. Its callers clear the mappings first.
func (s *Service) Disconnect(ctx context.Context, l Link, why audit.Change) (Link, error) {
	if err := l.MayDisconnect(); err != nil {
		return Link{}, err
	}
	if user := l.Tenant.Username; user != "" && l.HasGrants() && !s.Copied(ctx, l) {
		err := s.CallTenant(ctx, l, func(tenant *engagement.Session) error { return tenant.ClearGrant(ctx, user) })
		if code := fault.CodeOf(err); err != nil && code != client.CodeNotFound && code != client.CodeRefused && code != client.CodeUnauthorized {
			return Link{}, err // it is there still, and can be given back later
		}
	}
	why.At, why.Action = s.Now(l), audit.Disconnected
	return s.store.UpdateLink(ctx, l.Pair, why, func(l Link) (Link, error) { return l.Disconnected(), nil })
}
