package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgEmailCmd is Setup > Email > Deliverability, with the addresses and domains that the org may mail from.
type orgEmailCmd struct {
	Show    orgEmailShowCmd    `cmd:"" help:"Show what the org mails from, and what is verified; exit code 3 where its own address is not."`
	Address orgEmailAddressCmd `cmd:"" help:"Make an address the default no-reply address; the link to verify it is mailed to it."`
	Domain  orgEmailDomainCmd  `cmd:"" help:"Authorize a domain, or verify it once DNS has its TXT record."`
	Remove  orgEmailRemoveCmd  `cmd:"" help:"Remove an address or a domain."`
}

// emailSender is an address or a domain that the org may mail from.
type emailSender struct {
	Kind     string `json:"kind"` // "address" or "domain"
	Name     string `json:"name"`
	Purpose  string `json:"purpose,omitempty"`
	Verified bool   `json:"verified"`
	Record   string `json:"txt_record,omitempty"` // that proves an unverified domain
	id       string
}

func (e emailSender) noReply() bool { return strings.Contains(strings.ToLower(e.Purpose), "noreply") }

// emailSenders lists addresses, then domains.
func emailSenders(ctx context.Context, s *crm.Session) ([]emailSender, error) {
	addresses, err := s.Query(ctx, "SELECT Id, Address, Purpose, IsVerified FROM OrgWideEmailAddress ORDER BY Address")
	if err != nil {
		return nil, err
	}
	domains, err := s.ToolingQuery(ctx, "SELECT Id, DomainName, IsDomainOwnershipVerified FROM AuthorizedEmailDomain ORDER BY DomainName")
	if err != nil {
		return nil, err
	}
	out := []emailSender{}
	for _, r := range addresses {
		out = append(out, emailSender{Kind: "address", Name: r.String("Address"), Purpose: r.String("Purpose"), Verified: r.Bool("IsVerified"), id: r.String("Id")})
	}
	if len(domains) == 0 {
		return out, nil
	}
	me, err := s.UserInfo(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range domains {
		one := emailSender{Kind: "domain", Name: r.String("DomainName"), Verified: r.Bool("IsDomainOwnershipVerified"), id: r.String("Id")}
		if !one.Verified && len(me.OrgID) >= 15 && len(one.id) >= 15 {
			one.Record = me.OrgID[:15] + "=" + one.id[:15]
		}
		out = append(out, one)
	}
	return out, nil
}

type orgEmailShowCmd struct{ orgFlags }

// Run lists addresses and domains.
func (c *orgEmailShowCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		all, err := emailSenders(ctx, s)
		if err != nil {
			return err
		}
		if a.json {
			err = a.printJSON(all)
		} else {
			rows := make([][]string, len(all))
			for i, e := range all {
				rows[i] = []string{e.Kind, e.Name, yes(e.Verified), e.Purpose, e.Record}
			}
			err = a.printTable([]string{"kind", "name", "verified", "purpose", "txt record to add"}, rows)
		}
		if err != nil {
			return err
		}
		for _, e := range all {
			if e.noReply() && !sends(all, e) {
				a.errorf("mail comes from the substitute address until %s and its domain are verified", oneLine(e.Name))
				return errNo
			}
		}
		return nil
	})
}

// sends reports whether the org mails from the address: it is verified, and its own domain is.
func sends(all []emailSender, address emailSender) bool {
	_, domain, _ := strings.Cut(address.Name, "@")
	for _, e := range all {
		if e.Kind == "domain" && e.Verified && strings.EqualFold(e.Name, domain) {
			return address.Verified
		}
	}
	return false
}

type orgEmailAddressCmd struct {
	orgFlags
	Address string `arg:"" help:"Address."`
	Name    string `required:"" help:"Display name that mails come with." placeholder:"NAME" env:"-"`
}

// Run adds the address; who has its inbox verifies it.
func (c *orgEmailAddressCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		id, err := s.CreateRecord(ctx, "OrgWideEmailAddress", map[string]any{
			"Address": c.Address, "DisplayName": c.Name, "Purpose": "DefaultNoreply", "IsAllowAllProfiles": true,
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]string{"id": id, "address": c.Address, "mailed": c.Address})
		}
		return a.print(fmt.Sprintf("the link to verify %s is mailed to it\n", oneLine(c.Address)))
	})
}

type orgEmailDomainCmd struct {
	orgFlags
	Domain string `arg:"" help:"Domain, such as mail.example.com; it covers its own addresses and not those of its subdomains."`
	Verify bool   `help:"Have the org look for the TXT record now." env:"-"`
}

// Run adds the domain where it is not there, and verifies it where that is asked.
func (c *orgEmailDomainCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		found, err := findSender(ctx, s, c.Domain)
		if err != nil {
			return err
		}
		if found == nil && c.Verify {
			return fmt.Errorf("the org has no domain %s; without --verify it is added", c.Domain)
		}
		if found == nil {
			if _, err := s.CreateToolingRecord(ctx, "AuthorizedEmailDomain", map[string]any{"DomainName": c.Domain}); err != nil {
				return err
			}
			if found, err = findSender(ctx, s, c.Domain); err != nil {
				return err
			}
		}
		if found == nil {
			return fmt.Errorf("the org shows no domain %s", c.Domain)
		}
		if c.Verify && !found.Verified {
			err := s.UpdateToolingRecord(ctx, "AuthorizedEmailDomain", found.id, map[string]any{"IsDomainOwnershipVerified": true})
			if r := client.Remote(err); r != nil && r.Code == "FIELD_INTEGRITY_EXCEPTION" { // DNS does not have the record
				a.errorf("%v", forPeople(err))
				return errNo
			}
			if err != nil {
				return err
			}
			found.Verified, found.Record = true, ""
		}
		switch {
		case a.json:
			return a.printJSON(found)
		case found.Verified:
			return a.print(oneLine(found.Name) + " is verified\n")
		}
		return a.print(fmt.Sprintf("add the TXT record %s to %s or _sfdv.%s, then say --verify\n", found.Record, oneLine(found.Name), oneLine(found.Name)))
	})
}

func findSender(ctx context.Context, s *crm.Session, name string) (*emailSender, error) {
	all, err := emailSenders(ctx, s)
	for _, e := range all {
		if strings.EqualFold(e.Name, name) {
			return &e, err
		}
	}
	return nil, err
}

type orgEmailRemoveCmd struct {
	orgFlags
	Name string `arg:"" help:"Address or domain."`
}

// Run removes it.
func (c *orgEmailRemoveCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		found, err := findSender(ctx, s, c.Name)
		if err != nil {
			return err
		}
		if found == nil {
			return fmt.Errorf("the org has no address or domain %s", c.Name)
		}
		if found.Kind == "domain" {
			err = s.DeleteToolingRecord(ctx, "AuthorizedEmailDomain", found.id)
		} else {
			err = s.DeleteRecord(ctx, "OrgWideEmailAddress", found.id)
		}
		if err != nil {
			return err
		}
		return a.printDone(true, map[string]any{"name": found.Name}, "%s is removed", found.Name)
	})
}

// orgSiteCmd is Setup > Security > Remote Site Settings.
type orgSiteCmd struct {
	List       orgSiteListCmd       `cmd:"" help:"List the remote sites."`
	Add        orgSiteAddCmd        `cmd:"" help:"Add a remote site."`
	Activate   orgSiteActivateCmd   `cmd:"" help:"Let the org's code call a remote site."`
	Deactivate orgSiteDeactivateCmd `cmd:"" help:"Let the org's code call a remote site no more."`
	Remove     orgSiteRemoveCmd     `cmd:"" help:"Remove a remote site."`
}

type remoteSite struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	URL    string `json:"url"`
	Active bool   `json:"active"`
}

func remoteSites(ctx context.Context, s *crm.Session) ([]remoteSite, error) {
	rows, err := s.ToolingQuery(ctx, "SELECT Id, SiteName, EndpointUrl, IsActive FROM RemoteProxy ORDER BY SiteName")
	out := make([]remoteSite, len(rows))
	for i, r := range rows {
		out[i] = remoteSite{r.String("Id"), r.String("SiteName"), r.String("EndpointUrl"), r.Bool("IsActive")}
	}
	return out, err
}

type orgSiteListCmd struct{ orgFlags }

// Run lists the sites.
func (c *orgSiteListCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		sites, err := remoteSites(ctx, s)
		if err != nil {
			return err
		}
		return list(a, sites, []string{"name", "url", "active"}, func(r remoteSite) []string { return []string{r.Name, r.URL, yes(r.Active)} })
	})
}

type orgSiteAddCmd struct {
	orgFlags
	Name  string `arg:"" help:"API name."`
	URL   string `arg:"" help:"https://host."`
	Plain bool   `help:"Disable protocol security, so that the URL may be http." env:"-"`
}

// Run adds a site.
func (c *orgSiteAddCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		id, err := s.CreateToolingRecord(ctx, "RemoteProxy", map[string]any{"SiteName": c.Name, "EndpointUrl": c.URL, "ProtocolMismatch": c.Plain})
		if err != nil {
			return err
		}
		return a.printDone(true, map[string]any{"id": id, "name": c.Name}, "%s is added", c.Name)
	})
}

// siteArg is a command about one remote site.
type siteArg struct {
	orgFlags
	Name string `arg:"" help:"API name."`
}

// find reads the site.
func (c *siteArg) find(ctx context.Context, s *crm.Session) (remoteSite, error) {
	sites, err := remoteSites(ctx, s)
	if err != nil {
		return remoteSite{}, err
	}
	for _, r := range sites {
		if strings.EqualFold(r.Name, c.Name) {
			return r, nil
		}
	}
	return remoteSite{}, fmt.Errorf("the org has no remote site %s", c.Name)
}

// set says whether the org's code may call the site.
func (c *siteArg) set(ctx context.Context, a *app, active bool) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		r, err := c.find(ctx, s)
		if err != nil {
			return err
		}
		word := map[bool]string{true: "active", false: "not active"}[active]
		if r.Active == active {
			return a.printDone(false, map[string]any{"name": r.Name, "active": active}, "%s is %s already", r.Name, word)
		}
		if err := s.UpdateToolingRecord(ctx, "RemoteProxy", r.ID, map[string]any{"IsActive": active}); err != nil {
			return err
		}
		return a.printDone(true, map[string]any{"name": r.Name, "active": active}, "%s is %s", r.Name, word)
	})
}

type orgSiteActivateCmd struct{ siteArg }

// Run activates a site.
func (c *orgSiteActivateCmd) Run(ctx context.Context, a *app) error { return c.set(ctx, a, true) }

type orgSiteDeactivateCmd struct{ siteArg }

// Run deactivates a site.
func (c *orgSiteDeactivateCmd) Run(ctx context.Context, a *app) error { return c.set(ctx, a, false) }

type orgSiteRemoveCmd struct{ siteArg }

// Run removes a site.
func (c *orgSiteRemoveCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		r, err := c.find(ctx, s)
		if err != nil {
			return err
		}
		if err := s.DeleteToolingRecord(ctx, "RemoteProxy", r.ID); err != nil {
			return err
		}
		return a.printDone(true, map[string]any{"name": r.Name}, "%s is removed", r.Name)
	})
}
