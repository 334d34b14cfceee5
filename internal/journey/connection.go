package journey

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that the steps return beside those of the clouds.
const (
	// CodeNotConnected: the sign-in went through and Connect still has no connection.
	CodeNotConnected fault.Code = "not_connected"
	// CodeNotMapped: the visit ended on a page that names no mapping.
	CodeNotMapped fault.Code = "not_mapped"
	// CodeAsked: a page asked for something where nothing may be asked.
	CodeAsked fault.Code = "asked_again"
)

// Connect raises both spans: from Engagement into the org for the system user, by Connect's own key, and from the org
// into Engagement for the API user, who signs in once in a browser (document 001, steps 33 to 36). A span that stands
// is left standing.
func (j *Journey) Connect(ctx context.Context) error {
	if err := j.connect.ConnectOrg(ctx, j.pair.SystemUser.Username, "", rand.Text()); err != nil {
		return fmt.Errorf("from Engagement into the org, as %s: %w", j.pair.SystemUser.Username, err)
	}
	if err := j.connectTenant(ctx); err != nil {
		return fmt.Errorf("from the org into Engagement, as %s: %w", j.pair.APIUser.Username, err)
	}
	return nil
}

// ConnectLegacy raises both spans as they were before Connected App authentication and tenant-specific OAuth: by the system
// user's password and security token, and by the API user's password; with tenantOAuth the second is by key.
func (j *Journey) ConnectLegacy(ctx context.Context, tenantOAuth bool) error {
	system, api := j.pair.SystemUser, j.pair.APIUser
	if err := j.connect.ConnectOrgByPassword(ctx, system.Username, system.Password, system.SecurityToken, ""); err != nil {
		return fmt.Errorf("from Engagement into the org, as %s: %w", system.Username, err)
	}
	var err error
	if tenantOAuth {
		err = j.connectTenant(ctx)
	} else {
		_, err = j.connect.ConnectEngagementByPassword(ctx, api.Username, j.pair.EID, api.Password, "")
	}
	if err != nil {
		return fmt.Errorf("from the org into Engagement, as %s: %w", api.Username, err)
	}
	return nil
}

func (j *Journey) connectTenant(ctx context.Context) error {
	user := j.pair.APIUser
	answer, err := j.connect.ConnectEngagement(ctx, user.Username, j.pair.EID, "", rand.Text())
	if err != nil || answer.Connected {
		return err
	}
	// A browser of his own, without any session: the documents warn that an active one would be bound (S001-45).
	page, err := browser.New(j.http.Transport).Visit(ctx, answer.AuthorizeURL, browser.Errand{
		Logins: map[string]browser.Credentials{j.authSite: {Username: user.Username, Password: user.Password.Reveal()}},
		Press:  consent,
	})
	if err != nil {
		return err
	}
	if answer, err = j.connect.ConnectEngagement(ctx, user.Username, j.pair.EID, "", rand.Text()); err != nil {
		return err
	}
	if !answer.Connected {
		return fault.New(fault.Conflict, CodeNotConnected, "The sign-in ended at %s: %s", page.URL.Path, client.Clip(page.Text, 300))
	}
	return nil
}

// Visit is one visit of a member to the Marketing Cloud tab.
type Visit struct {
	OrgForms, TenantForms int // forms that he had to fill in or agree to
	Page                  string
}

// Traveller is a member with his browser, which keeps its cookies between visits.
type Traveller struct {
	j       *Journey
	member  Member
	browser *browser.Browser
}

// Traveller gives the member a browser.
func (j *Journey) Traveller(m Member) *Traveller {
	return &Traveller{j: j, member: m, browser: browser.New(j.http.Transport)}
}

// Visit opens the Marketing Cloud tab, signs in wherever a page asks, and ends where Connect says whom he is
// connected as. Anything else is a CodeNotMapped fault.
func (t *Traveller) Visit(ctx context.Context) (Visit, error) {
	j := t.j
	org, tenant := t.browser.Forms[j.orgSite], t.browser.Forms[j.authSite]
	page, err := t.browser.Visit(ctx, j.pair.tab(), browser.Errand{
		Logins: map[string]browser.Credentials{
			j.orgSite:  {Username: t.member.Org.Username, Password: t.member.Org.Password.Reveal()},
			j.authSite: {Username: t.member.Tenant.Username, Password: t.member.Tenant.Password.Reveal()},
		},
		Press: consent,
	})
	if err != nil {
		return Visit{}, err
	}
	v := Visit{OrgForms: t.browser.Forms[j.orgSite] - org, TenantForms: t.browser.Forms[j.authSite] - tenant, Page: page.Text}
	if page.Status != 200 || !strings.Contains(page.Text, t.member.Tenant.Username) {
		return v, fault.New(fault.Conflict, CodeNotMapped, "The visit of %s ended with status %d: %s", t.member.Org.Username, page.Status, client.Clip(page.Text, 300))
	}
	return v, j.checkMapped(ctx, t.member)
}

// checkMapped reads the mapping back from Connect.
func (j *Journey) checkMapped(ctx context.Context, m Member) error {
	users, err := j.connect.Users(ctx, "")
	if err != nil {
		return err
	}
	for _, u := range users {
		if strings.EqualFold(u.CRMUsername, m.Org.Username) {
			if strings.EqualFold(u.EngagementUsername, m.Tenant.Username) {
				return nil
			}
			return fault.New(fault.Conflict, CodeNotMapped, "%s is mapped to %s.", u.CRMUsername, u.EngagementUsername)
		}
	}
	return fault.New(fault.Conflict, CodeNotMapped, "Connect has no mapping of %s.", m.Org.Username)
}

// VisitAgain is a visit that may ask for nothing (S002-12).
func (t *Traveller) VisitAgain(ctx context.Context) error {
	before := t.browser.Sent()
	if _, err := t.Visit(ctx); err != nil {
		return err
	}
	if n := t.browser.Sent() - before; n != 0 {
		return fault.New(fault.Conflict, CodeAsked, "The second visit of %s asked again: %d forms.", t.member.Org.Username, n)
	}
	return nil
}

// VisitMapped is a mapped member's visit in whatever browser: the org may ask who he is, Engagement may not (S002-12).
func (t *Traveller) VisitMapped(ctx context.Context) error {
	v, err := t.Visit(ctx)
	if err == nil && v.TenantForms != 0 {
		err = fault.New(fault.Conflict, CodeAsked, "Engagement asked the mapped user %s again: %d forms.", t.member.Org.Username, v.TenantForms)
	}
	return err
}
