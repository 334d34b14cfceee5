package twinspan_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/test/spawn"
)

// Configuration Settings of a legacy pair: below package 220 the setting is not there; then whoever administers the connection
// switches it on and off and deletes the stored password, which the org's own record and the audit chain tell, while
// Engagement's administrator only reads; and it leads to Connect to Marketing Cloud.
func TestConfigurationSettings(t *testing.T) {
	t.Parallel()
	l := openLegacy(t, spawn.Kinds[0], twinspan.AccountEnterprise2)
	person := func() houseConsole { return houseConsole{t, l.ready, browser.New(nil)} }
	at := l.ready.Connect.URL + "/console/sign-in/"
	crm, eng := person(), person()
	nobody := twinspan.Login{}
	settings := "?return=%2Fconsole%2Fsettings"
	sees(t, crm.visit(at+"salesforce"+settings, l.ready.CRM.SystemUser, nobody, "Allow"), 200, "not there below package 220")
	l.upgradePackage(t, "220")
	must[string](t)(l.org.CreateRecord(bounded(t), "et4ae5__Configuration__c", map[string]any{"et4ae5__Password__c": "of the time before"}))
	page := sees(t, crm.at("/console/settings"), 200, "Tenant-specific OAuth Endpoints not enabled", "API user’s password in the org kept", "Managed package 220", "The API user’s stored name and password")
	read := sees(t, eng.visit(at+"engagement"+settings, nobody, l.ready.Engagement.Admin, "Allow"), 200, "Tenant-specific OAuth Endpoints not enabled")
	if slices.ContainsFunc(read.Forms, func(f *browser.Form) bool { return f.Field("tenant_oauth") != nil }) {
		t.Error("Engagement's administrator is offered the form of the org's")
	}
	check := func(want journey.Configuration) {
		t.Helper()
		got := must[journey.Configuration](t)(journey.ReadConfiguration(bounded(t), l.org))
		if got.TenantOAuth != want.TenantOAuth || got.Password != want.Password || (got.AuthURL != "") != want.TenantOAuth || (got.RESTURL != "") != want.TenantOAuth || (got.SOAPURL != "") != want.TenantOAuth {
			t.Errorf("the org has %+v, want %+v", got, want)
		}
	}
	for _, step := range []struct {
		typed url.Values
		want  journey.Configuration
		says  string
	}{
		{url.Values{"tenant_oauth": {"1"}}, journey.Configuration{TenantOAuth: true, Password: true}, "Tenant-specific OAuth Endpoints enabled"},
		{url.Values{"tenant_oauth": {"1"}}, journey.Configuration{TenantOAuth: true, Password: true}, "enabled"}, // as it is: nothing is written
		{url.Values{"tenant_oauth": nil}, journey.Configuration{Password: true}, "Tenant-specific OAuth Endpoints not enabled"},
		{url.Values{"tenant_oauth": {"1"}, "forget": {"1"}}, journey.Configuration{TenantOAuth: true}, "API user’s password in the org none"},
	} {
		page = sees(t, crm.sendForm(page, "Save the Configuration Settings", step.typed), 200, "The settings are saved", step.says)
		check(step.want)
	}
	var told []string
	noError(t, l.connect.Audit(bounded(t), 0, func(page []connect.AuditEntry) error {
		for _, e := range page {
			if e.Action == "package.configured" {
				told = append(told, string(e.Before)+string(e.After))
			}
		}
		return nil
	}))
	want := []string{
		`{"tenant_oauth":false,"password_kept":true}{"tenant_oauth":true,"password_kept":true}`,
		`{"tenant_oauth":true,"password_kept":true}{"tenant_oauth":false,"password_kept":true}`,
		`{"tenant_oauth":false,"password_kept":true}{"tenant_oauth":true,"password_kept":false}`,
	}
	if !slices.Equal(told, want) {
		t.Errorf("on record is\n%s", strings.Join(told, "\n"))
	}

	// The way on: Engagement asks for the API user.
	sees(t, crm.sendForm(page, "Connect to Marketing Cloud", nil), 200, "Log in to let Marketing Cloud Connect act for you.")
	sees(t, eng.at("/console/settings/tenant-oauth"), 200, "to do: the API user credentials converted to tenant-specific OAuth", "as it should be: tenant-specific OAuth Endpoints are enabled")

	// Test sends: what was typed stays, with the reason beside its field.
	page = crm.at("/console/test-sends")
	refused := sees(t, crm.sendForm(page, "Send the test email", url.Values{"definition_key": {"welcome"}, "as": {"nobody@nowhere.example"}, "to": {"me@customer.example"}}), http.StatusConflict, "Error: nobody@nowhere.example is not mapped to an Engagement user.")
	if f := refused.Forms[slices.IndexFunc(refused.Forms, func(f *browser.Form) bool { return f.Button("Send the test email") != nil })]; f.Field("to").Value != "me@customer.example" || f.Field("definition_key").Value != "welcome" {
		t.Errorf("what was typed is gone: %+v", f.Fields)
	}
	sees(t, crm.sendForm(page, "Send the test email", url.Values{"definition_key": {"welcome"}, "as": {l.ready.CRM.Users[0].Username}, "to": {"me@customer.example"}}), 200, "Send definition welcome", "To me@customer.example")
	l.mails(t, "me@customer.example", 1)
}
