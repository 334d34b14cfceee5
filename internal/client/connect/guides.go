package connect

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// GuideTitle names a guide.
type GuideTitle struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Article string `json:"article,omitempty"` // number of the knowledge article
}

// Guide is one founding document with the state of each of its steps.
type Guide struct {
	GuideTitle
	At         time.Time      `json:"at"` // domain time
	Done       int            `json:"done"`
	Open       int            `json:"open"`
	NotVisible int            `json:"not_visible"`
	Next       string         `json:"next,omitempty"` // id of the first open step; "" where none is
	Purpose    []GuideNote    `json:"purpose"`
	Sections   []GuideSection `json:"sections"`
}

// GuideNote is what a document says beside its steps.
type GuideNote struct {
	Rows []string `json:"rows"`
	Text string   `json:"text"`
}

// GuideSection is a part of a document.
type GuideSection struct {
	Title string      `json:"title"`
	Notes []GuideNote `json:"notes,omitempty"`
	Steps []GuideStep `json:"steps,omitempty"`
}

// GuideStep is one step of a document.
type GuideStep struct {
	ID      string   `json:"id"` // the first of its rows
	Rows    []string `json:"rows"`
	Number  string   `json:"number,omitempty"` // as the document counts
	Text    string   `json:"text"`
	Owner   string   `json:"owner"` // "crm_admin", "engagement_admin" or "user"
	Warning string   `json:"warning,omitempty"`
	Click   string   `json:"click,omitempty"`
	Page    string   `json:"page,omitempty"`
	Command string   `json:"command,omitempty"`
	State   string   `json:"state"` // "done", "open" or "not_visible"
	Seen    string   `json:"seen,omitempty"`
	Why     string   `json:"why,omitempty"` // of one that is not visible
}

// GuideQuestion says what a guide is about. The zero value is about the connection.
type GuideQuestion struct {
	User       string // CRM user name: whose mapping, or which integration user
	SystemUser string // CRM user name of who is to be the system user
	// Eyes lend an administrator's session of the org; those of a tenant are not used.
	Eyes Eyes
}

// Guides lists the guides.
func (c *Client) Guides(ctx context.Context) ([]GuideTitle, error) {
	var out struct {
		Guides []GuideTitle `json:"guides"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/guides", "", nil, &out)
	return out.Guides, err
}

// Guide reads one, by its name.
func (c *Client) Guide(ctx context.Context, name string, q GuideQuestion) (Guide, error) {
	var out Guide
	path := "/api/v1/guides/" + url.PathEscape(name)
	given := url.Values{}
	for key, value := range map[string]string{"user": q.User, "system_user": q.SystemUser} {
		if value != "" {
			given.Set(key, value)
		}
	}
	if q.Eyes.OrgToken == "" {
		if len(given) > 0 {
			path += "?" + given.Encode()
		}
		err := c.do(ctx, http.MethodGet, path, "", nil, &out)
		return out, err
	}
	body := map[string]string{"org_access_token": q.Eyes.OrgToken.Reveal(), "org_instance_url": q.Eyes.OrgInstanceURL}
	for key := range given {
		body[key] = given.Get(key)
	}
	err := c.do(ctx, http.MethodPost, path, "", body, &out)
	return out, err
}
