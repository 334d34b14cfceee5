package connect

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/internal/vault"
)

// Diagnosis is what the doctor says of a connection.
type Diagnosis struct {
	At        time.Time   `json:"at"`       // domain time
	Healthy   bool        `json:"healthy"`  // everything was looked at, and nothing found
	State     string      `json:"state"`    // as Status's
	Findings  []Ailment   `json:"findings"` // the worst first
	Unchecked []Unchecked `json:"unchecked"`
	Passed    []string    `json:"passed"` // ids of the checks that found nothing
	// OrgCalls and EngagementCalls are how many calls the look made.
	OrgCalls        int `json:"org_calls"`
	EngagementCalls int `json:"engagement_calls"`
}

// Ailment is something that is not as it should be.
type Ailment struct {
	Check    string `json:"check"` // id: "D06"
	Name     string `json:"name"`
	Severity string `json:"severity"` // "error", "warning" or "notice"
	Subject  string `json:"subject,omitempty"`
	Seen     string `json:"seen"`
	Expected string `json:"expected"`
	Why      string `json:"why"`
	Click    string `json:"click,omitempty"`
	Command  string `json:"command,omitempty"`
	Document string `json:"document,omitempty"`
}

// Unchecked is a check that could not be made.
type Unchecked struct {
	Check   string `json:"check"`
	Name    string `json:"name"`
	Because string `json:"because"`
}

// Eyes are sessions of administrators that are lent to the doctor for one look. They must be of the connection's clouds.
type Eyes struct {
	OrgToken, TenantToken        vault.Secret // access tokens; "" for none
	OrgInstanceURL               string
	TenantRESTURL, TenantSOAPURL string
}

// Question is what the doctor is asked; the zero Question is about everything.
type Question struct {
	User   string // CRM user name: why he cannot sign in or send
	Before string // "connect", "upgrade", "reset-api-user", "disconnect" or "sandbox-refresh"
}

// Doctor looks as Connect's own users see the clouds or, where eyes has any, also through them.
func (c *Client) Doctor(ctx context.Context, about Question, eyes Eyes) (Diagnosis, error) {
	var out Diagnosis
	if eyes == (Eyes{}) {
		q := url.Values{}
		if about.User != "" {
			q.Set("user", about.User)
		}
		if about.Before != "" {
			q.Set("before", about.Before)
		}
		path := "/api/v1/doctor"
		if len(q) > 0 {
			path += "?" + q.Encode()
		}
		err := c.do(ctx, http.MethodGet, path, "", nil, &out)
		return out, err
	}
	in := map[string]string{}
	for name, value := range map[string]string{
		"org_access_token": eyes.OrgToken.Reveal(), "org_instance_url": eyes.OrgInstanceURL, "user": about.User, "before": about.Before,
		"engagement_access_token": eyes.TenantToken.Reveal(), "engagement_rest_url": eyes.TenantRESTURL, "engagement_soap_url": eyes.TenantSOAPURL,
	} {
		if value != "" {
			in[name] = value
		}
	}
	err := c.do(ctx, http.MethodPost, "/api/v1/doctor", "", in, &out)
	return out, err
}
