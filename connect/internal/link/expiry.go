package link

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/oauth"
)

// Expiry is something of a connection that stops working at a time.
type Expiry struct {
	What string
	At   time.Time
}

// Expiries are what of a pair's connection expires, as far as Connect knows: the certificates that the two clouds hold. The
// soonest comes first.
func (s *Service) Expiries(ctx context.Context, pair string) ([]Expiry, error) {
	orgPEM, tenantPEM, err := s.Certificates(ctx, pair)
	if err != nil {
		return nil, err
	}
	var all []Expiry
	for _, one := range []struct{ what, pem string }{{"Certificate in the connected app, into the org", orgPEM}, {"Certificate in the installed package, into Engagement", tenantPEM}} {
		c, err := oauth.ReadCertificate(one.pem)
		if err != nil {
			return nil, err
		}
		all = append(all, Expiry{one.what, c.NotAfter})
	}
	if all[1].At.Before(all[0].At) {
		all[0], all[1] = all[1], all[0]
	}
	return all, nil
}
