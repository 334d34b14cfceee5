package journey

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// The package's configuration and its fields (connect-facts 1.7); the checkbox's name is ours.
const (
	configObject   = "et4ae5__Configuration__c"
	configOAuth    = "et4ae5__Tenant_Specific_OAuth__c"
	configAuthURL  = "et4ae5__Auth_API_URL__c"
	configRESTURL  = "et4ae5__Root_Rest_API_URL__c"
	configSOAPURL  = "et4ae5__Root_SOAP_API_URL__c"
	configPassword = "et4ae5__Password__c"
)

// Configuration is what the org's Marketing Cloud Configuration Settings say of Engagement's authentication.
type Configuration struct {
	// TenantOAuth is "enable tenant-specific OAuth Endpoints" (S002-28).
	TenantOAuth bool `json:"tenant_oauth"`
	// AuthURL, RESTURL and SOAPURL are the tenant's endpoints; "" where none are kept.
	AuthURL string `json:"auth_url"`
	RESTURL string `json:"rest_url"`
	SOAPURL string `json:"soap_url"`
	// Password: an API user's password is kept, of the time before.
	Password bool   `json:"password_kept"`
	id       string // of the record; "" where there is none
}

// CodeNoSetting is the fault where the org's package has no tenant-specific OAuth.
const CodeNoSetting fault.Code = "no_such_setting"

// ReadConfiguration reads it, as the session's user sees it.
func ReadConfiguration(ctx context.Context, s *crm.Session) (Configuration, error) {
	fields, err := s.Describe(ctx, configObject)
	if err != nil {
		return Configuration{}, err
	}
	there := false
	for _, f := range fields {
		there = there || f.Name == configOAuth
	}
	if !there {
		return Configuration{}, fault.New(fault.Conflict, CodeNoSetting, "The org's managed package has no setting for tenant-specific OAuth Endpoints: it came with version 220. Upgrade the package first.")
	}
	records, err := s.Query(ctx, fmt.Sprintf("SELECT Id, %s, %s, %s, %s, %s FROM %s ORDER BY CreatedDate, Id LIMIT 1", configOAuth, configAuthURL, configRESTURL, configSOAPURL, configPassword, configObject))
	if err != nil || len(records) == 0 {
		return Configuration{}, err
	}
	r := records[0]
	return Configuration{
		TenantOAuth: r.Bool(configOAuth), AuthURL: r.String(configAuthURL), RESTURL: r.String(configRESTURL), SOAPURL: r.String(configSOAPURL),
		Password: r.String(configPassword) != "", id: r.String("Id"),
	}, nil
}

// WriteConfiguration makes it so, and reads it back. A password that is kept is forgotten where want has none; none can be
// given.
func WriteConfiguration(ctx context.Context, s *crm.Session, want Configuration) (Configuration, error) {
	have, err := ReadConfiguration(ctx, s)
	if err != nil {
		return have, err
	}
	fields := map[string]any{configOAuth: want.TenantOAuth, configAuthURL: text(want.AuthURL), configRESTURL: text(want.RESTURL), configSOAPURL: text(want.SOAPURL)}
	if have.Password && !want.Password {
		fields[configPassword] = nil
	}
	if have.id != "" {
		err = s.UpdateRecord(ctx, configObject, have.id, fields)
	} else {
		_, err = s.CreateRecord(ctx, configObject, fields)
	}
	if err != nil {
		return have, err
	}
	now, err := ReadConfiguration(ctx, s)
	if err == nil && (now.TenantOAuth != want.TenantOAuth || now.AuthURL != want.AuthURL || now.Password && !want.Password) {
		err = notKept("the Marketing Cloud Configuration Settings read back with tenant-specific OAuth Endpoints %v at %q", now.TenantOAuth, now.AuthURL)
	}
	return now, err
}

// text is a text field's value; null for none.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}
