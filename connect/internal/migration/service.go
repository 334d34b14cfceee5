package migration

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// Service migrates users. It is safe for concurrent use.
type Service struct {
	store Store
	links *link.Service
}

// NewService wires the service.
func NewService(store Store, links *link.Service) *Service {
	return &Service{store: store, links: links}
}

// Offer says whether the users of a link can be migrated now.
func (s *Service) Offer(ctx context.Context, l link.Link) (Offer, error) {
	users := 0
	if l.Org.Driver == link.JWT {
		var err error
		if users, err = s.store.Earlier(ctx, l.Pair); err != nil {
			return Offer{}, err
		}
	}
	return Decide(l, users, s.links.Now(l)), nil
}
