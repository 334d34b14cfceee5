package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/web"
)

// domains answers GET /messaging/v1/domainverification: the addresses and domains that the tenant may send from.
func (s *Server) domains(ctx context.Context, r request) (int, any, error) {
	_, page, size, err := paged(r.Request)
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
		// Ours: the TXT record that proves a domain which waits for its proof.
		Record string `json:"txtRecord,omitempty"`
	}
	items := make([]item, len(list))
	for i, v := range list {
		items[i] = item{int64(v.Tenant), v.Domain, "Verified", string(v.Kind), v.Sendable, int64(v.MID), timestamp(v.Created), ""}
		if !v.Proven() {
			items[i].Status = "Pending"
			if v.Kind != tenant.SenderUser {
				items[i].Record = s.o.Verification.Record(v.Tenant, v.Domain)
			}
		}
	}
	return http.StatusOK, map[string]any{"page": page, "pageSize": size, "count": count, "items": items}, nil
}

// plain is a handler that answers with text, as these calls of the real service do (engagement-wire 0.5).
func (s *Server) plain(status int, h func(ctx context.Context, r request) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		web.NoStore(w)
		p, err := s.principal(r)
		text := ""
		if err == nil {
			text, err = h(r.Context(), request{Request: r, w: w, p: p})
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		if _, err := w.Write([]byte(text)); err != nil {
			s.o.Log.DebugContext(r.Context(), "rest: the answer was not taken", slog.Any("error", err))
		}
	}
}

// senderBody names a sender; callers say domain or emailAddress.
type senderBody struct {
	Domain       string `json:"domain"`
	EmailAddress string `json:"emailAddress"`
	DomainType   string `json:"domainType"`
	Sendable     *bool  `json:"isSendable"`
}

func (b senderBody) name() string {
	if b.EmailAddress != "" {
		return b.EmailAddress
	}
	return b.Domain
}

// addDomain answers POST /messaging/v1/domainverification {"domain"}: an address is mailed a link.
func (s *Server) addDomain(ctx context.Context, r request) (string, error) {
	var b senderBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b); err != nil {
		return "", err
	}
	if b.name() == "" {
		return "", missing("domain")
	}
	v, err := s.o.Verification.Add(ctx, r.p, b.name())
	if err != nil {
		return "", err
	}
	return v.Domain + " successfully added.", nil
}

// checkDomain answers POST /messaging/v1/domainverification/verify {"domain"}, which is ours: it looks for the record.
func (s *Server) checkDomain(ctx context.Context, r request) (string, error) {
	var b senderBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b); err != nil {
		return "", err
	}
	if b.name() == "" {
		return "", missing("domain")
	}
	return b.name() + " successfully verified.", s.o.Verification.Check(ctx, r.p, b.name())
}

// updateDomains answers POST /messaging/v1/domainverification/update with a list.
func (s *Server) updateDomains(ctx context.Context, r request) (string, error) {
	var list []senderBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &list); err != nil {
		return "", err
	}
	on, off := []string{}, []string{}
	for _, b := range list {
		switch {
		case b.name() == "" || b.Sendable == nil:
			return "", missing("isSendable")
		case *b.Sendable:
			on = append(on, b.name())
		default:
			off = append(off, b.name())
		}
	}
	if len(list) == 0 {
		return "", missing("emailAddress")
	}
	total := 0
	for sendable, names := range map[bool][]string{true: on, false: off} {
		if len(names) == 0 {
			continue
		}
		n, err := s.o.Verification.Change(ctx, r.p, names, sendable)
		if err != nil {
			return "", err
		}
		total += n
	}
	return fmt.Sprintf("%d records successfully updated!", total), nil
}

// deleteDomains answers POST /messaging/v1/domainverification/delete with a list.
func (s *Server) deleteDomains(ctx context.Context, r request) (string, error) {
	var list []senderBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &list); err != nil {
		return "", err
	}
	var names []string
	for _, b := range list {
		if b.name() == "" {
			return "", missing("emailAddress")
		}
		names = append(names, b.name())
	}
	n, err := s.o.Verification.Remove(ctx, r.p, names)
	return fmt.Sprintf("%d records successfully deleted!", n), err
}
