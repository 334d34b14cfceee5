package tenant

import (
	"context"
	"fmt"
)

// DefaultDeliveryProfileID is the identifier of the delivery profile that every business unit has: a GUID that holds the
// MID, as Retrieve tells it too.
func DefaultDeliveryProfileID(mid MID) string {
	return fmt.Sprintf("00000003-0000-4000-8000-001%09d", int64(mid))
}

// Roles lists the roles of the caller's tenant by customer key, for whoever may read users.
func (r *Registry) Roles(ctx context.Context, p Principal) ([]Role, error) {
	if err := mayRead(p, ScopeUsersRead, ScopeUsersWrite, ScopeAccountsRead); err != nil {
		return nil, err
	}
	return r.dir.Roles(ctx, p.Tenant)
}

// SenderList lists who the tenant may send as.
type SenderList interface {
	// Senders lists the tenant's verified senders by name: at most limit, leaving out the first skip of them. count is
	// how many there are.
	Senders(ctx context.Context, eid EID, skip, limit int) (list []VerifiedSender, count int, err error)
}

// ListSenders gives a page of them to whoever may see content or email (engagement-wire 2.7, permission 48).
func ListSenders(ctx context.Context, store SenderList, p Principal, skip, limit int) ([]VerifiedSender, int, error) {
	if err := mayRead(p, "saved_content_read", ScopeEmailRead); err != nil {
		return nil, 0, err
	}
	return store.Senders(ctx, p.Tenant, skip, limit)
}
