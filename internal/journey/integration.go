package journey

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// mailedToken finds the security token in the org's message.
var mailedToken = regexp.MustCompile(`Security token \(case-sensitive\): ([A-Za-z0-9]+)`)

// IntegrationUser makes document 004's user in the org, licence Salesforce and profile System Administrator, approves
// him for the app, gives him a password, for which the org mails him a security token, and connects him by the username-password flow of the app.
func (j *Journey) IntegrationUser(ctx context.Context, username string, app Client) (connect.IntegrationUser, error) {
	none := connect.IntegrationUser{}
	if j.control == nil {
		return none, fault.New(fault.Conflict, "no_inbox", "There is no built-in inbox to read the security token in.")
	}
	admin, err := j.signInAdmin(ctx)
	if err != nil {
		return none, err
	}
	defer func() { _ = admin.Logout(context.WithoutCancel(ctx)) }() // a session left behind expires by itself
	if err := set(ctx, admin, map[string]string{"blockOAuthUnPwFlow": "false"}); err != nil {
		return none, fmt.Errorf("the org's settings: %w", err)
	}
	profile, err := one(ctx, admin, "Profile", map[string]any{"Name": "System Administrator"})
	if err != nil {
		return none, err
	}
	id, err := ensure(ctx, admin, "User", map[string]any{"Username": username}, map[string]any{
		"LastName": "Integration", "Email": username, "Alias": "integr", "ProfileId": profile,
		"EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "LocaleSidKey": "en_US", "TimeZoneSidKey": "America/Los_Angeles",
	})
	if err != nil {
		return none, fmt.Errorf("the user %s: %w", username, err)
	}
	approval, err := one(ctx, admin, "PermissionSet", map[string]any{"Name": "Integration_Test_Users"})
	if err != nil {
		return none, err
	}
	if err := assignTo(ctx, admin, approval, username); err != nil { // the app lets in only whom an administrator approved
		return none, err
	}
	password := vault.Secret(rand.Text() + "-a1")
	token, err := j.newToken(ctx, username, func() error { return admin.SetUserPassword(ctx, id, password) })
	if err != nil {
		return none, err
	}
	return j.connect.ConnectIntegrationUser(ctx, connect.IntegrationCredentials{
		Username: username, Password: password, SecurityToken: token, ClientID: app.ID, ClientSecret: app.Secret, By: "demo",
	})
}

// newToken reads the security token that the org mails for what is done.
func (j *Journey) newToken(ctx context.Context, address string, do func() error) (vault.Secret, error) {
	last := ""
	switch before, err := j.control.Mails(ctx, control.MailQuery{To: address}); {
	case err != nil:
		return "", err
	case len(before) > 0:
		last = before[0].ID
	}
	if err := do(); err != nil {
		return "", err
	}
	for {
		mails, err := j.control.Mails(ctx, control.MailQuery{To: address, After: last, Wait: mailWait})
		if err != nil {
			return "", err
		}
		if len(mails) == 0 {
			return "", fault.New(fault.Unavailable, "mail_missing", "No security token was mailed to %s within %v.", address, mailWait)
		}
		for _, m := range mails {
			full, err := j.control.Mail(ctx, m.ID)
			if err != nil {
				return "", err
			}
			if found := mailedToken.FindStringSubmatch(full.Text); found != nil {
				return vault.Secret(found[1]), nil
			}
		}
		last = mails[0].ID
	}
}

// set changes settings by the last part of their names.
func set(ctx context.Context, admin *crm.Session, want map[string]string) error {
	have, err := admin.ReadSettings(ctx)
	if err != nil {
		return err
	}
	var changes []crm.Setting
	for _, s := range have {
		if value, ok := want[s.Path[strings.LastIndex(s.Path, ".")+1:]]; ok && s.Value != value {
			s.Value = value
			changes = append(changes, s)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return admin.UpdateSettings(ctx, changes)
}

// Remap clears the member's mapping, as document 000 has it, and has him visit the tab again, which asks for his Engagement
// credentials.
func (j *Journey) Remap(ctx context.Context, m Member, reason string) (Visit, error) {
	done, err := j.connect.ClearUsers(ctx, connect.ClearRequest{Users: []string{m.Org.Username}, Reason: reason, By: "demo"}, rand.Text())
	if err != nil {
		return Visit{}, err
	}
	if len(done.Failed) > 0 {
		return Visit{}, fault.New(fault.Conflict, "not_cleared", "The mapping of %s was not cleared: %s", m.Org.Username, done.Failed[0].Error.Message)
	}
	v, err := j.Traveller(m).Visit(ctx)
	if err == nil && v.TenantForms == 0 {
		err = fault.New(fault.Conflict, CodeAsked, "The tab did not ask %s for his Engagement credentials.", m.Org.Username)
	}
	return v, err
}
