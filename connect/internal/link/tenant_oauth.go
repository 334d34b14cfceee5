package link

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of faults about the way from stored API-user credentials to tenant-specific OAuth (document 002).
const (
	// CodeOAuthPackage: the org's managed package is older than tenant-specific OAuth.
	CodeOAuthPackage fault.Code = "tenant_oauth_needs_package"
	// CodeOAuthOff: the org's setting for tenant-specific OAuth endpoints is off.
	CodeOAuthOff fault.Code = "tenant_oauth_endpoints_off"
	// CodeOAuthElsewhere: the org's configuration names the endpoints of another tenant.
	CodeOAuthElsewhere fault.Code = "tenant_oauth_endpoints_differ"
	// CodeOAuthClick: the setting is the vendor's, and no API of ours changes it.
	CodeOAuthClick fault.Code = "tenant_oauth_endpoints_click"
	// CodeOAuthNotKept: the org took the setting and reads back another.
	CodeOAuthNotKept fault.Code = "tenant_oauth_endpoints_not_kept"
	// CodeOAuthUsed: the span works by what is to be switched off.
	CodeOAuthUsed fault.Code = "tenant_oauth_in_use"
)

// Fields of the package's configuration, without its namespace (connect-facts 1.7). The checkbox's name is ours: document 002
// names the setting by its label alone.
const (
	configOAuth    = "Tenant_Specific_OAuth__c"
	configAuthURL  = "Auth_API_URL__c"
	configRESTURL  = "Root_Rest_API_URL__c"
	configSOAPURL  = "Root_SOAP_API_URL__c"
	configPassword = "Password__c"
)

// OAuthSetting is what the org's Marketing Cloud Configuration Settings say of tenant-specific OAuth.
type OAuthSetting struct {
	Package Package // that the org has; the setting is there from TenantOAuthSince on
	On      bool    // "enable tenant-specific OAuth Endpoints"
	AuthURL string  // of the tenant, as the configuration has it; "" where it has none
	Stored  bool    // the configuration keeps an API user's password, of the time before
	record  string  // id of the configuration; "" where there is none yet
}

// Check refuses an upgrade of the link's span for which the org is not ready. An org without the vendor's package has no
// setting, and needs none: the key is Connect's own.
func (o OAuthSetting) Check(l Link) error {
	switch {
	case o.Package == Package{}:
		return nil
	case o.Package.Before(TenantOAuthSince):
		return fault.New(fault.Conflict, CodeOAuthPackage, "Tenant-specific OAuth needs managed package %s or newer; the org has %s. Install the newer one first.", TenantOAuthSince, o.Package)
	case !o.On:
		return fault.New(fault.Conflict, CodeOAuthOff, "In Salesforce, in the Marketing Cloud Configuration Settings, enable tenant-specific OAuth Endpoints first.")
	case o.AuthURL != "" && !strings.EqualFold(strings.TrimRight(o.AuthURL, "/"), strings.TrimRight(l.AuthURL, "/")):
		return fault.New(fault.Conflict, CodeOAuthElsewhere, "The Marketing Cloud Configuration Settings name %s, and this connection is to %s.", o.AuthURL, l.AuthURL)
	}
	return nil
}

// OAuthSetting reads it in the org, as the system user sees it.
func (s *Service) OAuthSetting(ctx context.Context, l Link) (OAuthSetting, error) {
	installed, err := s.Package(ctx, l, true)
	out := OAuthSetting{Package: installed}
	if err != nil || installed.Before(TenantOAuthSince) {
		return out, err
	}
	n := l.Names()
	box, url, password := n.Of(configOAuth), n.Of(configAuthURL), n.Of(configPassword)
	err = s.CallOrg(ctx, l, func(org *crm.Session) error {
		on := box + ", "
		if l.Standing != Embedded { // the vendor's own package has no field of our name: there the endpoints tell
			on = ""
		}
		records, err := org.Query(ctx, "SELECT Id, "+on+url+", "+password+" FROM "+n.Of(n.Configuration)+" ORDER BY CreatedDate, Id LIMIT 1")
		for _, r := range records {
			out.AuthURL, out.Stored, out.record = r.String(url), r.String(password) != "", r.String("Id")
			out.On = r.Bool(box) || on == "" && out.AuthURL != ""
		}
		return err
	})
	return out, err
}

// SetOAuthSetting makes the setting so in the org, as the system user, and reads it back. On keeps the tenant's endpoints beside
// it, off empties them. A password that is kept is deleted where want has none; none can be given. The vendor's own package has
// no field of our name for it: there it is a click.
func (s *Service) SetOAuthSetting(ctx context.Context, l Link, have, want OAuthSetting) (OAuthSetting, error) {
	if l.Standing != Embedded {
		return have, fault.New(fault.Denied, CodeOAuthClick, "The Marketing Cloud Configuration Settings of a real org are changed on the package's own page: Marketing Cloud tab > Configuration Settings.")
	}
	if have.Package.Before(TenantOAuthSince) {
		return have, have.Check(l)
	}
	n := l.Names()
	fields := map[string]any{n.Of(configOAuth): want.On}
	switch {
	case want.On && !have.On:
		err := s.CallTenant(ctx, l, func(tenant *engagement.Session) error {
			rest, soap := tenant.Endpoints()
			fields[n.Of(configAuthURL)], fields[n.Of(configRESTURL)], fields[n.Of(configSOAPURL)] = l.AuthURL, rest+"/", soap+"/"
			return nil
		})
		if err != nil {
			return have, err
		}
	case !want.On:
		fields[n.Of(configAuthURL)], fields[n.Of(configRESTURL)], fields[n.Of(configSOAPURL)] = nil, nil, nil
	}
	if have.Stored && !want.Stored {
		fields[n.Of(configPassword)] = nil
	}
	err := s.CallOrg(ctx, l, func(org *crm.Session) error {
		if have.record != "" {
			return org.UpdateRecord(ctx, n.Of(n.Configuration), have.record, fields)
		}
		_, err := org.CreateRecord(ctx, n.Of(n.Configuration), fields)
		return err
	})
	if err != nil {
		return have, err
	}
	now, err := s.OAuthSetting(ctx, l)
	if err == nil && (now.On != want.On || now.Stored && !want.Stored) {
		err = fault.New(fault.Unavailable, CodeOAuthNotKept, "The Marketing Cloud Configuration Settings read back with tenant-specific OAuth Endpoints %v.", now.On)
	}
	return now, err
}

// mayLeavePassword refuses to take the span from stored credentials to a key before the org is ready for it.
func (s *Service) mayLeavePassword(ctx context.Context, l Link) error {
	set, err := s.OAuthSetting(ctx, l)
	if err != nil {
		return err
	}
	return set.Check(l)
}

// MaySignInTenant refuses to have an API user sign in who could not be connected by it: nobody is named, or the span is of
// stored credentials and the org is not ready to leave them.
func (s *Service) MaySignInTenant(ctx context.Context, l Link, username string) error {
	if err := CheckUsername(username); err != nil {
		return fault.Of(err).In("api_user")
	}
	if l.Tenant.Driver != Password {
		return nil
	}
	return s.mayLeavePassword(ctx, l)
}

// ProveTenant signs the API user in anew, by what the span has, and gives who and where the tenant says that he is. What it
// refuses is the state of the span too.
func (s *Service) ProveTenant(ctx context.Context, l Link) (engagement.Identity, error) {
	if err := s.unshare(ctx, l, IntoTenant, nil); err != nil {
		return engagement.Identity{}, err
	}
	s.tenant.drop(tenantKey(l, l.Tenant.Username, l.Tenant.MID), func(engagement.Token) bool { return true })
	var id engagement.Identity
	err := s.CallTenant(ctx, l, func(tenant *engagement.Session) (err error) {
		id, err = tenant.UserInfo(ctx)
		return err
	})
	return id, err
}

// Refused reports whether err is a cloud's word about who signs in, and which, as a span's Cause would keep it.
func Refused(err error) (Cause, bool) { return refusal(err) }

// moveBatch is how many users' tokens are looked at in one go, and forgotten in one write.
const moveBatch = 50

// MoveUsers brings users' refresh tokens to grants, at most some of them: each user is signed in by key, by the grant that his
// own sign-in made, so nobody is asked for anything. A token whose user was looked at is forgotten, or kept marked while it is
// the way back. A cloud that does not answer ends it with its error, and the next call goes on. more says that users wait.
func (s *Service) MoveUsers(ctx context.Context, l Link) (n TokenMoves, more bool, err error) {
	if l.Tenant.Driver != JWT {
		return TokenMoves{}, false, nil
	}
	waiting, err := s.store.WaitingTokens(ctx, l.Pair, "", moveBatch)
	if err != nil {
		return TokenMoves{}, false, err
	}
	for _, name := range waiting {
		to := TokenMoved
		err := s.CallTenantAs(ctx, l, name, 0, func(tenant *engagement.Session) error {
			_, err := tenant.UserInfo(ctx)
			return err
		})
		switch {
		case err == nil:
		case NeedsGrant(err):
			to = TokenRefused
		default:
			return n, true, err
		}
		if err := s.store.MoveToken(ctx, l.Pair, name, to); err != nil {
			return n, true, err
		}
		if to == TokenMoved {
			n.Moved++
		} else {
			n.Refused++
		}
	}
	for { // none while they are the way back
		gone, err := s.store.DeleteMovedTokens(ctx, l.Pair, moveBatch)
		if err != nil {
			return n, true, err
		}
		if gone < moveBatch {
			break
		}
	}
	return n, len(waiting) == moveBatch, nil
}

// TokenMoves counts how far the users' tokens have come; nothing once they are forgotten.
func (s *Service) TokenMoves(ctx context.Context, l Link) (TokenMoves, error) {
	return s.store.CountTokens(ctx, l.Pair)
}

// KeepsCredential reports whether credentials of the span into Engagement are stored.
func (s *Service) KeepsCredential(ctx context.Context, l Link) (bool, error) {
	_, err := s.store.Credential(ctx, l.Pair, IntoTenant)
	if fault.CodeOf(err) == CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// ResetTokens has all users' tokens not looked at: the span goes back to what it was, and they are what it works by.
func (s *Service) ResetTokens(ctx context.Context, l Link) error {
	return s.store.ResetTokens(ctx, l.Pair)
}
