package units

import (
	"context"
	"strconv"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/crm"
)

// Enabled gives the MIDs of the business units in which the org's users may work.
func (s *Service) Enabled(ctx context.Context, l link.Link) ([]int64, error) {
	var mids []int64
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		mids = nil
		records, err := org.Query(ctx, "SELECT "+fieldMID+" FROM "+object+" WHERE "+fieldOn+" = true")
		for _, r := range records {
			if mid, numberErr := strconv.ParseInt(r.String(fieldMID), 10, 64); numberErr == nil { // else somebody typed something else there
				mids = append(mids, mid)
			}
		}
		return err
	})
	return mids, err
}
