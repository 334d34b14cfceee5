package crm

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// UsageNotice mails a user when the org's API requests of the last 24 hours reach a part of the limit. Only Twinspan's
// org has the resource; a real one has a page of Setup.
type UsageNotice struct {
	Username      string     `json:"username"`
	Threshold     int        `json:"threshold"`     // percent
	IntervalHours int        `json:"intervalHours"` // at most one mail in so many hours
	Created       time.Time  `json:"createdDate"`
	LastSent      *time.Time `json:"lastSent"` // nil before the first mail
}

const noticesPath = "/limits/apiUsage/notifications"

// UsageNotices lists them.
func (s *Session) UsageNotices(ctx context.Context) ([]UsageNotice, error) {
	var out []UsageNotice
	err := s.get(ctx, s.data(noticesPath), &out)
	return out, err
}

// PutUsageNotice keeps one, in place of the user's with the same threshold; interval 0 is the org's own choice.
func (s *Session) PutUsageNotice(ctx context.Context, username string, threshold, intervalHours int) error {
	body := map[string]any{"username": username, "threshold": threshold}
	if intervalHours != 0 {
		body["intervalHours"] = intervalHours
	}
	_, err := s.send(ctx, http.MethodPost, noticesPath, body)
	return err
}

// DeleteUsageNotice ends one.
func (s *Session) DeleteUsageNotice(ctx context.Context, username string, threshold int) error {
	_, err := s.send(ctx, http.MethodDelete, noticesPath+"/"+url.PathEscape(username)+"/"+strconv.Itoa(threshold), nil)
	return err
}
