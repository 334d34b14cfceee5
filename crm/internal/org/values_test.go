package org_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestFieldsAcceptValues(t *testing.T) {
	t.Parallel()
	schema := org.StandardSchema()
	field := func(path string) *org.Field {
		object, name, _ := strings.Cut(path, ".")
		return schema.Object(object, nil).Field(name)
	}
	moment := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	for _, c := range []struct {
		field string
		in    any
		want  any
		code  fault.Code // "" where want is accepted
	}{
		{"Contact.LastName", "x", "x", ""},
		{"Contact.LastName", "", nil, ""},
		{"Contact.LastName", nil, nil, ""},
		{"Contact.LastName", " \t\n", nil, ""},
		{"Contact.LastName", " von Stein ", "von Stein", ""},
		{"Contact.Description", "\nfirst\n  second\n", "first\n  second", ""},
		{"Contact.LastName", true, "true", ""},
		{"Contact.LastName", json.Number("1.5"), "1.5", ""},
		{"Contact.LastName", 7.0, "7", ""},
		{"Contact.LastName", strings.Repeat("ü", 80), strings.Repeat("ü", 80), ""},
		{"Contact.LastName", strings.Repeat("ü", 81), nil, org.CodeStringTooLong},
		{"Contact.LastName", "a\x00b", nil, org.CodeInvalidValue},
		{"Contact.LastName", "a\xffb", nil, org.CodeInvalidValue},
		{"Contact.LastName", []any{"x"}, nil, org.CodeWrongJSONType},
		{"Contact.HasOptedOutOfEmail", true, true, ""},
		{"Contact.HasOptedOutOfEmail", "TRUE", true, ""},
		{"Contact.HasOptedOutOfEmail", "0", false, ""},
		{"Contact.HasOptedOutOfEmail", 1.0, nil, org.CodeWrongJSONType},
		{"Contact.Birthdate", "2024-02-29", "2024-02-29", ""},
		{"Contact.Birthdate", "2024-02-29T23:30:00.000+0000", "2024-02-29", ""},
		{"Contact.Birthdate", "2023-02-29", nil, org.CodeWrongJSONType},
		{"Contact.Birthdate", "1699-12-31", nil, org.CodeWrongJSONType},
		{"Contact.Email", "a.b+c@x.example", "a.b+c@x.example", ""},
		{"Contact.Email", "Ada <a@x.example>", nil, org.CodeInvalidEmail},
		{"Contact.Email", "a@localhost", "a@localhost", ""},
		{"Contact.Email", "a@host", nil, org.CodeInvalidEmail},
		{"Contact.Email", "a@[192.0.2.1]", nil, org.CodeInvalidEmail}, // no mail goes there
		{"Contact.Email", "a\u0085b@x.example", nil, org.CodeInvalidEmail},
		{"Contact.Email", "a\u2028b@x.example", nil, org.CodeInvalidEmail},
		{"Contact.Email", "bad\ufffd@x.example", nil, org.CodeInvalidEmail}, // somebody's misread letter
		{"Contact.Email", "müller@x.example", "müller@x.example", ""},
		{"Contact.Email", "a@x.example\r\nBcc: b@x.example", nil, org.CodeInvalidEmail},
		{"Contact.AccountId", "00Dxx0000001gPL", "00Dxx0000001gPLEAY", ""},
		{"Contact.AccountId", "nope", nil, org.CodeMalformedID},
		{"Contact.Salutation", "anything", "anything", ""},
		{"User.TimeZoneSidKey", "Europe/Berlin", "Europe/Berlin", ""},
		{"User.TimeZoneSidKey", "Mars/Base", nil, org.CodeInvalidPicklistValue},
		{"User.LastLoginDate", "2026-01-02T03:04:05.678Z", moment, ""},
		{"User.LastLoginDate", "2026-01-02T05:04:05.678+02:00", moment, ""},
		{"User.LastLoginDate", "2026-01-02T05:04:05.678+0200", moment, ""},
		{"User.LastLoginDate", "2026-01-02", nil, org.CodeWrongJSONType},
		{"ConnectedApplication.RefreshTokenValidityPeriod", 7.0, int64(7), ""},
		{"ConnectedApplication.RefreshTokenValidityPeriod", "7", int64(7), ""},
		{"ConnectedApplication.RefreshTokenValidityPeriod", 7.5, nil, org.CodeWrongJSONType},
		{"ConnectedApplication.RefreshTokenValidityPeriod", 1e300, nil, org.CodeWrongJSONType},
		{"ConnectedApplication.RefreshTokenValidityPeriod", json.Number("99999999999"), nil, org.CodeNumberRange},
		{"Opportunity.Amount", 12.345, 12.35, ""},
		{"Opportunity.Amount", "-1e3", -1000.0, ""},
		{"Opportunity.Amount", json.Number("0.30000000000000004"), 0.3, ""},
		{"Opportunity.Amount", 9007199254740991.0, 9007199254740991.0, ""},
		{"Opportunity.Amount", 1e16, nil, org.CodeNumberRange},
		{"Opportunity.Amount", "1e999", nil, org.CodeNumberRange},
		{"Opportunity.Amount", "1.005", 1.01, ""},
		{"Opportunity.Amount", -1.005, -1.01, ""},
		{"Opportunity.Amount", "0.005", 0.01, ""},
		{"Opportunity.Amount", "-0.004", 0.0, ""},
		{"Opportunity.Amount", "999.995", 1000.0, ""},
		{"Opportunity.Amount", "1e-300", 0.0, ""},
		{"Opportunity.Amount", "NaN", nil, org.CodeWrongJSONType},
		{"Opportunity.Amount", "0x1p3", nil, org.CodeWrongJSONType},
		{"Opportunity.Amount", true, nil, org.CodeWrongJSONType},
		{"Account.AnnualRevenue", 12.5, 13.0, ""},
	} {
		got, err := field(c.field).Accept(c.in)
		if got != c.want || c.code != "" && fault.CodeOf(err) != c.code || c.code == "" && err != nil {
			t.Errorf("%s = %.60v: %v, %v; want %v %s", c.field, c.in, got, err, c.want, c.code)
		}
	}
	if _, err := field("Contact.LastName").Accept(struct{}{}); fault.KindOf(err) != fault.Internal {
		t.Errorf("a Go value that no edge makes: %v", err)
	}
	if got := org.FormatDateTime(moment); got != "2026-01-02T03:04:05.678+0000" {
		t.Error(got)
	}
}

func TestAPINames(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{
		"Marketing Cloud Connected App": "Marketing_Cloud_Connected_App", "  a -- b  ": "a_b", "2nd set": "X2nd_set", "Übung macht": "bung_macht", "!!": "", "": "",
		strings.Repeat("a", 79) + " b": strings.Repeat("a", 79),
	} {
		got := org.APIName(label)
		if got != want || got != "" && !org.ValidAPIName(got) {
			t.Errorf("%q: %q, want %q", label, got, want)
		}
	}
	for _, bad := range []string{"", "a b", "1a", "_a", "a_", "a__b", "ä", strings.Repeat("a", 81), "a-b", "a'"} {
		if org.ValidAPIName(bad) {
			t.Errorf("%q is a name", bad)
		}
	}
}

func TestRefreshTokenPolicies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		inactivity bool
		hours      int
	}{
		"infinite": {false, -1}, "zero": {false, 0}, "specific_lifetime:2:DAYS": {false, 48}, "specific_inactivity:3:HOURS": {true, 3},
		"specific_lifetime:1:MONTHS": {false, 720},
	} {
		p, err := org.ParseRefreshTokenPolicy(text)
		inactivity, hours := p.Validity()
		if err != nil || inactivity != want.inactivity || hours != want.hours {
			t.Errorf("%s: %v %d, %v", text, inactivity, hours, err)
		}
		if i, h := org.RefreshPolicyOf(inactivity, hours).Validity(); i != inactivity || h != hours {
			t.Errorf("%s comes back as %v %d", text, i, h)
		}
	}
	for _, bad := range []string{"", "never", "specific_lifetime", "specific_lifetime:0:DAYS", "specific_lifetime:-1:DAYS", "specific_lifetime:01:DAYS", "specific_lifetime:1:YEARS", "x:1:DAYS", "specific_lifetime:100000:DAYS", "specific_lifetime:1:DAYS:x"} {
		if p, err := org.ParseRefreshTokenPolicy(bad); fault.CodeOf(err) != org.CodeInvalidValue {
			t.Errorf("%q: %q, %v", bad, p, err)
		}
	}
	// What is stored and cannot be read keeps no token alive.
	if _, hours := org.RefreshTokenPolicy("specific_lifetime:x").Validity(); hours != 0 {
		t.Errorf("an unreadable policy lasts %d hours", hours)
	}
	if _, err := org.ParseIPRelaxation("RELAX"); fault.CodeOf(err) != org.CodeInvalidValue {
		t.Errorf("IP policy: %v", err)
	}
}

func TestSchemaIsSound(t *testing.T) {
	t.Parallel()
	schema := org.StandardSchema()
	prefixes := map[string]string{}
	for _, o := range schema.Objects {
		if other := prefixes[o.KeyPrefix]; other != "" || len(o.KeyPrefix) != 3 {
			t.Errorf("%s and %s share the prefix %q", o.Name, other, o.KeyPrefix)
		}
		prefixes[o.KeyPrefix] = o.Name
		seen := map[string]bool{}
		for _, f := range o.Fields {
			if seen[org.Fold(f.Name)] {
				t.Errorf("%s.%s is declared twice", o.Name, f.Name)
			}
			seen[org.Fold(f.Name)] = true
			for _, to := range f.ReferenceTo {
				if !f.Absent && schema.Object(to, org.Permissions{org.PermViewSetup: true, org.PermManageUsers: true}) == nil {
					t.Errorf("%s.%s points at %s, which is not there", o.Name, f.Name, to)
				}
			}
			if f.Hidden && o.Field(f.Name) != nil {
				t.Errorf("%s.%s is hidden and found", o.Name, f.Name)
			}
		}
	}
	if schema.ByID("005000000000000AAA").Name != org.ObjectUser || schema.ByID("zzz") != nil {
		t.Error("objects by prefix")
	}
	if !(org.Need{{"a", "b"}, {"c"}}).MetBy(org.Permissions{"b": true, "c": true}) || (org.Need{{"a"}, {"c"}}).MetBy(org.Permissions{"a": true}) || !org.Need(nil).MetBy(nil) {
		t.Error("needs")
	}
	for _, p := range org.StandardUserPermissions() {
		if !org.Permissions(asSet(org.AllPermissions()))[p] {
			t.Errorf("%s is no permission", p)
		}
	}
}

func asSet(list []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range list {
		out[s] = true
	}
	return out
}

func TestMultipicklistsAcceptValues(t *testing.T) {
	t.Parallel()
	f := &org.Field{Name: "M__c", Label: "M", Type: org.TypeMultipicklist, Length: 12, Restricted: true, Picklist: []org.PicklistValue{{Value: "Mail"}, {Value: "Web"}, {Value: "Fax"}}}
	for in, want := range map[string]any{"Web;Mail": "Mail;Web", "Fax": "Fax", " Web ; ;Web": "Web", ";": nil, "": nil} {
		if got, err := f.Accept(in); got != want || err != nil {
			t.Errorf("%q = %v, %v, want %v", in, got, err, want)
		}
	}
	if _, err := f.Accept("Web;Radio"); fault.CodeOf(err) != org.CodeInvalidPicklistValue {
		t.Errorf("a value that is not offered: %v", err)
	}
	f.Restricted = false
	if got, err := f.Accept("Radio;Web"); got != "Web;Radio" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := f.Accept("Radio;Web;Fax"); fault.CodeOf(err) != org.CodeStringTooLong {
		t.Errorf("too long: %v", err)
	}
}

// Whatever text comes, a field takes it as a value of its kind or refuses it as the sender's mistake.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"x", "", "true", "2024-02-29", "2026-01-02T03:04:05.678+0200", "a@x.example", "00Dxx0000001gPLEAY", "1e9", "-1", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, o := range org.StandardSchema().Objects {
			for _, field := range o.Fields {
				v, err := field.Accept(s)
				if err != nil {
					if fault.KindOf(err) != fault.Invalid {
						t.Fatalf("%s.%s = %q: %v", o.Name, field.Name, s, err)
					}
					continue
				}
				again, err := field.Accept(wire(v))
				if err != nil || again != v {
					t.Fatalf("%s.%s = %q: %v comes back as %v, %v", o.Name, field.Name, s, v, again, err)
				}
			}
		}
	})
}

// wire is a value as an answer has it, and a client sends it back.
func wire(v any) any {
	switch v := v.(type) {
	case time.Time:
		return org.FormatDateTime(v)
	case int64:
		return float64(v)
	}
	return v
}
