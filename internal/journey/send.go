package journey

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// mailWait is how long a message may take to its inbox.
const mailWait = 20 * time.Second

// Contact is a person in the org who gets mail.
type Contact struct {
	FirstName, LastName, Email string
}

// Send creates the contact in the org and the definition in the tenant where they are missing, lets Connect send the
// contact the definition's message, and returns that message as the inbox has it.
func (j *Journey) Send(ctx context.Context, c Contact) (control.Mail, error) {
	var none control.Mail
	if j.control == nil {
		return none, fault.New(fault.Conflict, "no_inbox", "There is no built-in inbox to see the message in.")
	}
	admin, err := j.signInAdmin(ctx)
	if err != nil {
		return none, err
	}
	defer func() { _ = admin.Logout(context.WithoutCancel(ctx)) }() // a session left behind expires by itself
	id, err := ensure(ctx, admin, "Contact", map[string]any{"Email": c.Email}, map[string]any{"FirstName": c.FirstName, "LastName": c.LastName})
	if err != nil {
		return none, fmt.Errorf("the contact %s: %w", c.Email, err)
	}
	if err := j.ensureDefinition(ctx); err != nil {
		return none, fmt.Errorf("the triggered send definition %s: %w", j.pair.DefinitionKey, err)
	}
	last := ""
	switch before, err := j.control.Mails(ctx, control.MailQuery{To: c.Email}); {
	case err != nil:
		return none, err
	case len(before) > 0:
		last = before[0].ID
	}
	sent, err := j.connect.SendTriggered(ctx, id, j.pair.DefinitionKey, rand.Text())
	if err != nil {
		return none, err
	}
	mails, err := j.control.Mails(ctx, control.MailQuery{To: c.Email, After: last, Wait: mailWait})
	if err != nil {
		return none, err
	}
	if len(mails) > 0 {
		return mails[0], nil
	}
	return none, fault.New(fault.Unavailable, "mail_missing", "No message for %s came within %v; Connect says of %s: %s.", c.Email, mailWait, sent.MessageKey, sent.Status)
}

// ensureDefinition makes the definition in the tenant where it has none of the key.
func (j *Journey) ensureDefinition(ctx context.Context) error {
	token, err := j.tenant.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: j.pair.Marketer.ID, Secret: j.pair.Marketer.Secret})
	if err != nil {
		return err
	}
	session := j.tenant.Session(token)
	list, err := session.Definitions(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		if strings.EqualFold(d.Key, j.pair.DefinitionKey) {
			return nil
		}
	}
	_, err = session.CreateDefinition(ctx, engagement.NewDefinition{Key: j.pair.DefinitionKey, Name: "Welcome", EmailKey: j.pair.EmailKey})
	return err
}

// Refusal is how the org refused a user, in its own words.
type Refusal struct {
	Code, Text string // "invalid_app_access", "user is not admin approved to access this app"
	// History is the user's newest line of Login History.
	History string
}

// String is the refusal in one line.
func (r Refusal) String() string {
	return fmt.Sprintf("%s: %s (Login History: %s)", r.Code, r.Text, r.History)
}

// RefuseOutsider lets Connect try to sign the outsider in, as it signs the system user in, and returns the refusal. The
// sign-in going through is an error.
func (j *Journey) RefuseOutsider(ctx context.Context) (Refusal, error) {
	name := j.pair.Outsider.Username
	err := j.connect.ConnectOrg(ctx, name, "", rand.Text())
	if err == nil {
		return Refusal{}, fault.New(fault.Conflict, "not_refused", "The org let %s in, whom nobody approved for the app.", name)
	}
	remote := client.Remote(err)
	if remote == nil || remote.Status < 400 || remote.Status > 499 {
		return Refusal{}, err
	}
	admin, err := j.signInAdmin(ctx)
	if err != nil {
		return Refusal{}, err
	}
	defer func() { _ = admin.Logout(context.WithoutCancel(ctx)) }() // a session left behind expires by itself
	user, err := one(ctx, admin, "User", map[string]any{"Username": name})
	if err != nil {
		return Refusal{}, err
	}
	rows, err := admin.Query(ctx, "SELECT Status, LoginTime FROM LoginHistory WHERE UserId = "+crm.Literal(user)+" ORDER BY LoginTime DESC LIMIT 1")
	if err != nil {
		return Refusal{}, err
	}
	if len(rows) == 0 {
		return Refusal{}, fault.New(fault.NotFound, "no_login_history", "Login History has no line of %s.", name)
	}
	return Refusal{Code: remote.Code, Text: remote.Description, History: rows[0].String("Status")}, nil
}
