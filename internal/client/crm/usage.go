package crm

import "context"

// Usage is how an org's allowance of API requests stands, and who used it. The call that asks is counted too.
type Usage struct {
	Used      int64       `json:"used"` // in the last 24 hours
	Max       int64       `json:"max"`
	Remaining int64       `json:"remaining"`
	Hours     []UsageHour `json:"hours"` // of the last seven days, oldest first
}

// UsageHour is one app's and user's calls in one hour.
type UsageHour struct {
	Hour    string `json:"hour"` // its begin, "2026-01-02T15:00:00.000Z"
	AppID   string `json:"appId"`
	App     string `json:"app"` // "" for a session that no connected app made
	UserID  string `json:"userId"`
	User    string `json:"username"`
	Counted int64  `json:"counted"`
	Exempt  int64  `json:"exempt"` // calls of Marketing Cloud Connect, which do not count
}

// Usage reads the resource limits/apiUsage, which Twinspan's org has and real ones do not. It needs View Setup.
func (s *Session) Usage(ctx context.Context) (Usage, error) {
	var u Usage
	err := s.get(ctx, s.data("/limits/apiUsage"), &u)
	return u, err
}
