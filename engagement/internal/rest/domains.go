package rest

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// domains answers GET /messaging/v1/domainverification: the addresses and domains that the tenant may send from.
func (s *Server) domains(ctx context.Context, r request) (int, any, error) {
	q, err := parameters(r.Request)
	if err != nil {
		return 0, nil, err
	}
	page, err := positive(q, "page", 1, 1_000_000)
	if err != nil {
		return 0, nil, err
	}
	size, err := positive(q, "pagesize", 50, 500)
	if err != nil {
		return 0, nil, err
	}
	list, count, err := tenant.ListSenders(ctx, s.o.Senders, r.p, (page-1)*size, size)
	if err != nil {
		return 0, nil, err
	}
	type item struct {
		EnterpriseID int64  `json:"enterpriseId"`
		Domain       string `json:"domain"`
		Status       string `json:"status"`
		DomainType   string `json:"domainType"`
		Sendable     bool   `json:"isSendable"`
		MemberID     int64  `json:"memberId"`
		Sent         string `json:"emailSendTime"`
	}
	items := make([]item, len(list))
	for i, v := range list {
		status := "Verified"
		if !v.Sendable {
			status = "Pending"
		}
		items[i] = item{int64(v.Tenant), v.Domain, status, string(v.Kind), v.Sendable, int64(v.MID), timestamp(v.Created)}
	}
	return http.StatusOK, map[string]any{"page": page, "pageSize": size, "count": count, "items": items}, nil
}
