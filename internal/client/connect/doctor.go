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
	See      string `json:"see,omitempty"` // shows more, and mends nothing
	Document string `json:"document,omitempty"`
	Mend     *Mend  `json:"mend,omitempty"` // nil where a person has to decide
}

// Mend says that the command of an ailment mends it and is safe.
type Mend struct {
	By     string `json:"by"` // in whose session: "org_admin", "engagement_admin" or "connect_admin"
	Effect string `json:"effect"`
	Last   bool   `json:"last"` // only once D05, D06 and D07 find nothing
}

// Mending is one mend of a fix.
type Mending struct {
	Check   string `json:"check"`
	Subject string `json:"subject,omitempty"`
	Seen    string `json:"seen,omitempty"`
	Command string `json:"command"`
	By      string `json:"by"`
	State   string `json:"state,omitempty"` // "mended", "left", "failed" or "unknown"; "" while the fix is under way
	Why     string `json:"why,omitempty"`
}

// Fix is what somebody mends after one look.
type Fix struct {
	ID    string     `json:"id"`
	By    string     `json:"by"`
	Begun time.Time  `json:"begun_at"`
	Ended *time.Time `json:"ended_at"`
	Mends []Mending  `json:"mends"`
}

// Fixed is what became of a fix, and what is found now.
type Fixed struct {
	Fix       Fix       `json:"fix"`
	Diagnosis Diagnosis `json:"diagnosis"`
}

// Unmended is a mend that could not be made, and why.
type Unmended struct {
	Check   string `json:"check"`
	Subject string `json:"subject"`
	Why     string `json:"why"`
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
	// SystemUser and APIUser name whom the package works as, for a connection that does not know; "" for nobody.
	SystemUser, APIUser string
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
	in := eyes.members()
	for name, value := range map[string]string{"user": about.User, "before": about.Before} {
		if value != "" {
			in[name] = value
		}
	}
	err := c.do(ctx, http.MethodPost, "/api/v1/doctor", "", in, &out)
	return out, err
}

// members are the eyes as bodies have them.
func (e Eyes) members() map[string]any {
	in := map[string]any{}
	for name, value := range map[string]string{
		"org_access_token": e.OrgToken.Reveal(), "org_instance_url": e.OrgInstanceURL,
		"engagement_access_token": e.TenantToken.Reveal(), "engagement_rest_url": e.TenantRESTURL, "engagement_soap_url": e.TenantSOAPURL,
		"system_user": e.SystemUser, "api_user": e.APIUser,
	} {
		if value != "" {
			in[name] = value
		}
	}
	return in
}

// BeginFix puts on record what is about to be mended. by is who asks; key makes a repeated call the same one.
func (c *Client) BeginFix(ctx context.Context, mends []Mending, by, key string) (Fix, error) {
	type mend struct {
		Check   string `json:"check"`
		Subject string `json:"subject"`
		Seen    string `json:"seen"`
		Command string `json:"command"`
	}
	in := struct {
		By    string `json:"by"`
		Mends []mend `json:"mends"`
	}{by, make([]mend, len(mends))}
	for i, m := range mends {
		in.Mends[i] = mend{m.Check, m.Subject, m.Seen, m.Command}
	}
	var out Fix
	err := c.do(ctx, http.MethodPost, "/api/v1/doctor/fixes", key, in, &out)
	return out, err
}

// EndFix has Connect look again and say what became of each mend.
func (c *Client) EndFix(ctx context.Context, id string, failed []Unmended, eyes Eyes, by, key string) (Fixed, error) {
	in := eyes.members()
	if in["by"] = by; len(failed) > 0 {
		in["failed"] = failed
	}
	var out Fixed
	err := c.do(ctx, http.MethodPost, "/api/v1/doctor/fixes/"+url.PathEscape(id)+"/end", key, in, &out)
	return out, err
}
