package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// noticeInfo is an API usage notification. The real service has them on a page of Setup alone (connect-facts 6), so that
// the resource is ours.
type noticeInfo struct {
	Username      string     `json:"username"`
	Threshold     int64      `json:"threshold"` // percent
	IntervalHours int64      `json:"intervalHours"`
	Created       time.Time  `json:"createdDate"`
	LastSent      *time.Time `json:"lastSent"`
}

func (s *Server) listNotices(ctx context.Context, c *call) (answer, error) {
	list, err := s.Notices.List(ctx, c.session)
	if err != nil {
		return answer{}, err
	}
	out := []noticeInfo{}
	for _, n := range list {
		one := noticeInfo{Username: n.Username, Threshold: n.Threshold, IntervalHours: int64(n.Interval / time.Hour), Created: n.Created}
		if !n.Sent.IsZero() {
			one.LastSent = &n.Sent
		}
		out = append(out, one)
	}
	return answer{http.StatusOK, out}, nil
}

// defaultNoticeHours is the interval of who names none: at most a mail a day.
const defaultNoticeHours = 24

func (s *Server) putNotice(ctx context.Context, c *call) (answer, error) {
	r := bodyReader{body: c.body}
	username, threshold, hours := r.text("username"), r.number("threshold"), r.number("intervalHours")
	if err := r.end(); err != nil {
		return answer{}, err
	}
	if username == nil || threshold == nil {
		return answer{}, fault.New(fault.Invalid, org.CodeRequiredFieldMissing, "Required fields are missing: [username, threshold]").In("username,threshold")
	}
	every := defaultNoticeHours
	if hours != nil {
		every = *hours
	}
	if err := s.Notices.Put(ctx, c.session, *username, int64(*threshold), time.Duration(every)*time.Hour); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}

func (s *Server) deleteNotice(ctx context.Context, c *call) (answer, error) {
	threshold, err := strconv.ParseInt(c.value, 10, 64)
	if err != nil {
		return answer{}, notFound()
	}
	if err := s.Notices.Delete(ctx, c.session, c.field, threshold); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, nil
}
