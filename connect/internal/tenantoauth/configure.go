package tenantoauth

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// ActionConfigured is the audit chain's word for a change of the org's Marketing Cloud Configuration Settings.
const ActionConfigured = "package.configured"

// subject of the entries: there is one configuration in an org.
const subject = "tenant-specific OAuth Endpoints"

// Configurer changes the Marketing Cloud Configuration Settings of the org, as far as they are about authentication (document
// 002, its fifth bullet). It is safe for concurrent use.
type Configurer struct {
	links *link.Service
	audit audit.Intents
}

// NewConfigurer wires it.
func NewConfigurer(links *link.Service, chain audit.Intents) *Configurer {
	return &Configurer{links: links, audit: chain}
}

// configured is what the chain keeps of the settings.
type configured struct {
	TenantOAuth bool `json:"tenant_oauth"`
	Password    bool `json:"password_kept"`
}

func facts(o link.OAuthSetting) string { return audit.JSON(configured{o.On, o.Stored}) }

// Read reads the settings, and writes the entries of changes whose process died before it could.
func (c *Configurer) Read(ctx context.Context, l link.Link) (link.OAuthSetting, error) {
	set, _, err := c.settled(ctx, l)
	return set, err
}

// Settle writes the entries of changes whose process died before it could; the org is asked only where there are any.
func (c *Configurer) Settle(ctx context.Context, l link.Link) error {
	left, err := c.audit.IntentsOf(ctx, l.Pair, ActionConfigured)
	if err != nil || !left[subject].Pending {
		return err
	}
	_, _, err = c.settled(ctx, l)
	return err
}

func (c *Configurer) settled(ctx context.Context, l link.Link) (link.OAuthSetting, audit.Intent, error) {
	left, err := c.audit.IntentsOf(ctx, l.Pair, ActionConfigured) // before the org is: see audit.Intents
	if err != nil {
		return link.OAuthSetting{}, audit.Intent{}, err
	}
	set, err := c.links.OAuthSetting(ctx, l)
	if err != nil {
		return set, left[subject], err
	}
	return set, left[subject], audit.Reconcile(ctx, c.audit, left, c.links.Now(l), func(i audit.Intent) bool { return i.After == facts(set) })
}

// Set switches the endpoints on or off; forget deletes a password that the settings keep from before. What is so already is
// left. Off is refused while the span into Engagement works by them: there is no way back to a stored password from there.
func (c *Configurer) Set(ctx context.Context, l link.Link, on, forget bool, actor string) (link.OAuthSetting, error) {
	have, intent, err := c.settled(ctx, l)
	if err != nil {
		return have, err
	}
	if !on && have.On && l.Tenant.Driver == link.JWT {
		return have, fault.New(fault.Conflict, link.CodeOAuthUsed, "The org is connected to Engagement by tenant-specific OAuth: disconnect first, or cancel the upgrade.").In("tenant_oauth")
	}
	want := have
	want.On, want.Stored = on, have.Stored && !forget
	if facts(want) == facts(have) {
		return have, nil
	}
	intent, err = c.audit.Begin(ctx, audit.Intent{
		Pair: l.Pair, Before: facts(have), After: facts(want), Revision: intent.Revision,
		Why: audit.Change{At: c.links.Now(l), Actor: actor, Action: ActionConfigured, Subject: subject},
	})
	if err != nil {
		return have, err
	}
	now, err := c.links.SetOAuthSetting(ctx, l, have, want)
	if err != nil {
		return now, err // whether it was done is looked at later
	}
	return now, c.audit.Settle(ctx, intent, true)
}
