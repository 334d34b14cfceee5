package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// endpointItem is one host of the tenant.
type endpointItem struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// hosts are the endpoints there are; the real list has an FTP server too.
func (s *Server) hosts() []endpointItem {
	return []endpointItem{
		{Type: "rest", URL: s.o.BaseURL},
		{Type: "soap", URL: s.o.BaseURL + "/Service.asmx"},
	}
}

// endpoints lists where the APIs are. It needs a token and no permission.
func (s *Server) endpoints(context.Context, request) (int, any, error) {
	items := s.hosts()
	return http.StatusOK, struct {
		Page     int            `json:"page"`
		PageSize int            `json:"pageSize"`
		Count    int            `json:"count"`
		Items    []endpointItem `json:"items"`
	}{1, len(items), len(items), items}, nil
}

// endpoint tells one of them; older SDKs find SOAP by it.
func (s *Server) endpoint(_ context.Context, r request) (int, any, error) {
	name := r.PathValue("type")
	for _, item := range s.hosts() {
		if strings.EqualFold(item.Type, name) {
			return http.StatusOK, item, nil
		}
	}
	if len(name) > 60 {
		name = strings.ToValidUTF8(name[:60], "")
	}
	return 0, nil, fault.New(fault.NotFound, codeNoEndpoint, "No endpoint exists for key '%s'.", name)
}

// tokenContext tells whose the token is. Its documented status is 202.
func (s *Server) tokenContext(_ context.Context, r request) (int, any, error) {
	type id struct {
		ID int64 `json:"id"`
	}
	return http.StatusAccepted, struct {
		Enterprise   id `json:"enterprise"`
		Organization id `json:"organization"`
		User         id `json:"user"`
	}{id{int64(r.p.Tenant)}, id{int64(r.p.MID)}, id{r.p.UserID}}, nil
}
