package units

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// Enabled gives the MIDs of the business units in which the org's users may work, as they are now.
func (s *Service) Enabled(ctx context.Context, l link.Link) ([]int64, error) {
	return s.links.EnabledUnits(ctx, l, true)
}
