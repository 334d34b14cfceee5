package tenant_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// delivery is one that may go out.
func delivery() tenant.Delivery {
	return tenant.Delivery{
		Message:    tenant.Message{Tenant: 1, MID: 1, ID: "id-1", Key: "key-1", SubscriberKey: "003A", To: "ada@example.com", Accepted: noon},
		Definition: tenant.Definition{Key: "welcome", Status: tenant.DefinitionActive, FromName: "Trail", FromAddress: "hello@trail.example", AutoUpdate: true},
		Email:      tenant.Email{Subject: "Hi %%First Name%%", Text: "%%emailaddr%% %%_subscriberkey%% %%xtyear%% %%Colour%%"}, HasEmail: true,
		Subscriber: tenant.Subscriber{Key: "003A", Address: "ada@example.com", Status: tenant.SubscriberActive, Attributes: map[string]string{"Colour": "red"}}, HasEntry: true,
		Senders: []tenant.VerifiedSender{
			{Kind: tenant.SenderUser, Domain: "Hello@Trail.example", Sendable: true},
			{Kind: tenant.SenderUser, Domain: "default@trail.example", FromName: "Default", Default: true, Sendable: true},
		},
	}
}

func TestADeliveryIsDecidedByWhatIsTrueNow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*tenant.Delivery)
		code   tenant.SendCode
		hold   bool
	}{
		"goes out":                      {func(*tenant.Delivery) {}, 0, false},
		"unsubscribed":                  {func(d *tenant.Delivery) { d.Subscriber.Status = tenant.SubscriberUnsubscribed }, tenant.SendUnsubscribed, false},
		"held":                          {func(d *tenant.Delivery) { d.Subscriber.Status = tenant.SubscriberHeld }, tenant.SendHeld, false},
		"bounced may be tried":          {func(d *tenant.Delivery) { d.Subscriber.Status = tenant.SubscriberBounced }, 0, false},
		"no address":                    {func(d *tenant.Delivery) { d.Message.To = "" }, tenant.SendMissingAddress, false},
		"bad address":                   {func(d *tenant.Delivery) { d.Message.To = "a b@example.com" }, tenant.SendInvalidAddress, false},
		"not on the list":               {func(d *tenant.Delivery) { d.HasEntry = false }, tenant.SendNoListEntry, false},
		"other address, may not update": {func(d *tenant.Delivery) { d.Definition.AutoUpdate, d.Subscriber.Address = false, "x@example.com" }, tenant.SendAddressMismatch, false},
		"email gone":                    {func(d *tenant.Delivery) { d.HasEmail = false }, tenant.SendUnspecified, false},
		"sender gone":                   {func(d *tenant.Delivery) { d.Senders = nil }, tenant.SendInvalidFieldValue, false},
		"sender not proven":             {func(d *tenant.Delivery) { d.Senders[0].Sendable = false }, tenant.SendInvalidFieldValue, false},
		"subject empties":               {func(d *tenant.Delivery) { d.Email.Subject = " %%Nobody%% " }, tenant.SendMissingRequiredField, false},
		"definition deleted":            {func(d *tenant.Delivery) { d.Definition.Status = tenant.DefinitionDeleted }, tenant.SendUnspecified, false},
		"definition inactive":           {func(d *tenant.Delivery) { d.Definition.Status = tenant.DefinitionInactive }, 0, true},
		"inactive for too long": {func(d *tenant.Delivery) {
			d.Definition.Status, d.Message.Accepted = tenant.DefinitionInactive, noon.Add(-tenant.HoldLimit-time.Second)
		}, tenant.SendUnspecified, false},
		"was inactive for too long": {func(d *tenant.Delivery) {
			d.Message.Holds, d.Message.Accepted = 1, noon.Add(-tenant.HoldLimit-time.Second)
		}, tenant.SendUnspecified, false},
		"late for other reasons": {func(d *tenant.Delivery) { d.Message.Accepted = noon.Add(-tenant.HoldLimit - time.Second) }, 0, false},
	} {
		d := delivery()
		c.change(&d)
		v := d.Decide(noon)
		switch {
		case v.Hold != c.hold:
			t.Errorf("%s: hold %v", name, v.Hold)
		case c.code == 0 && v.Refusal != nil:
			t.Errorf("%s: refused with %v", name, v.Refusal)
		case c.code != 0 && (v.Refusal == nil || v.Refusal.Code != c.code || v.Refusal.Text == ""):
			t.Errorf("%s: %+v, want %v", name, v.Refusal, c.code)
		}
	}
}

func TestWhatGoesOut(t *testing.T) {
	t.Parallel()
	d := delivery()
	d.Message.Attributes = map[string]string{"FirstName": "Ada", "colour": "blue"}
	m := d.Decide(noon).Mail
	if m.FromName != "Trail" || m.FromAddress != "hello@trail.example" || m.To != "ada@example.com" || m.MessageID != "id-1@trail.example" {
		t.Errorf("%+v", m)
	}
	if m.Subject != "Hi Ada" || m.Text != "ada@example.com 003A 2026 blue" {
		t.Errorf("subject %q, text %q", m.Subject, m.Text)
	}
	d.Definition.FromAddress, d.Definition.FromName = "", ""
	if m := d.Decide(noon).Mail; m.FromAddress != "default@trail.example" || m.FromName != "Default" {
		t.Errorf("the default sender: %+v", m)
	}
	d.Message.FromName = "Somebody"
	if m := d.Decide(noon).Mail; m.FromAddress != "default@trail.example" || m.FromName != "Somebody" {
		t.Errorf("a name of the request's: %+v", m)
	}
	d.Message.FromAddress = "hello@trail.example"
	if m := d.Decide(noon).Mail; m.FromAddress != "hello@trail.example" {
		t.Errorf("an address of the request's: %+v", m)
	}
}

func TestSendersCoverAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s       tenant.VerifiedSender
		address string
		want    bool
	}{
		{tenant.VerifiedSender{Kind: tenant.SenderUser, Domain: "a@b.example", Sendable: true}, "A@B.example", true},
		{tenant.VerifiedSender{Kind: tenant.SenderUser, Domain: "a@b.example", Sendable: true}, "c@b.example", false},
		{tenant.VerifiedSender{Kind: tenant.SenderUser, Domain: "a@b.example"}, "a@b.example", false},
		{tenant.VerifiedSender{Kind: tenant.SenderSAP, Domain: "b.example", Sendable: true}, "x@B.EXAMPLE", true},
		{tenant.VerifiedSender{Kind: tenant.SenderPrivate, Domain: "b.example", Sendable: true}, "x@evil-b.example", false},
		{tenant.VerifiedSender{Kind: tenant.SenderRegistered, Domain: "b.example", Sendable: true}, "x@a.b.example", false},
	} {
		if got := c.s.Covers(c.address); got != c.want {
			t.Errorf("%+v covers %s: %v", c.s, c.address, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a@b.example", "first.last+tag@sub.b.example", "o'neil@b.example", "a@localhost"} {
		if !tenant.ValidAddress(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", "a", "@b", "a@", "a@b@c.example", "A <a@b.example>", "a@b.example,c@d.example", "a b@c.example", "a@b.example\r\nBcc: x@y.example",
		"a@b..example", "a@.b", "a@b.", ".a@b.example", "a\x00@b.example", "(x)a@b.example", strings.Repeat("a", 65) + "@b.example", "a@" + strings.Repeat("b", 254),
	} {
		if tenant.ValidAddress(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range tenant.MaxAttributes + 1 {
		many[strings.Repeat("a", i%100+1)+string(rune('A'+i/100))] = ""
	}
	for name, bad := range map[string]map[string]string{
		"too many": many, "empty name": {"": "x"}, "long name": {strings.Repeat("n", 129): "x"}, "long value": {"n": strings.Repeat("v", tenant.MaxAttributeValue+1)},
		"NUL": {"n": "\x00"}, "not UTF-8": {"n": "\xff"}, "name of two lines": {"a\nb": "x"}, "one name in two spellings": {"Name": "a", "NAME": "b"},
	} {
		if fault.CodeOf(tenant.ValidAttributes(bad)) != tenant.CodeInvalidSubscriber {
			t.Errorf("%s is taken", name)
		}
	}
	merged := tenant.MergeAttributes(map[string]string{"First Name": "A", "x": "1"}, map[string]string{"first name": "B", "y": "2"})
	if len(merged) != 3 || merged["First Name"] != "B" || merged["y"] != "2" {
		t.Errorf("merged %v", merged)
	}
	known := tenant.KnownAttributes(map[string]string{"First Name": "A"}, map[string]string{"FIRST NAME": "B", "Secret": "s"})
	if len(known) != 1 || known["First Name"] != "B" {
		t.Errorf("known %v", known)
	}
}

func TestDefinitionsThatCannotBeStored(t *testing.T) {
	t.Parallel()
	good := tenant.Definition{Key: "k", Name: "n", EmailKey: "e", Classification: tenant.ClassificationTransactional, ListKey: tenant.AllSubscribers, Status: tenant.DefinitionActive}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(*tenant.Definition){
		"definitionKey":       func(d *tenant.Definition) { d.Key = "a/b" },
		"name":                func(d *tenant.Definition) { d.Name = "" },
		"description":         func(d *tenant.Definition) { d.Description = strings.Repeat("d", 2001) },
		"content.customerKey": func(d *tenant.Definition) { d.EmailKey = "" },
		"classification":      func(d *tenant.Definition) { d.Classification = "" },
		"subscriptions.list":  func(d *tenant.Definition) { d.ListKey = strings.Repeat("l", tenant.MaxKey+1) },
		"fromName":            func(d *tenant.Definition) { d.FromName = "a\nb" },
		"fromAddress":         func(d *tenant.Definition) { d.FromAddress = "a, b" },
		"status":              func(d *tenant.Definition) { d.Status = "Sleeping" },
	} {
		d := good
		change(&d)
		if f := fault.Of(d.Validate()); f == nil || f.Field != field {
			t.Errorf("%s: %v", field, f)
		}
	}
}

func TestGUIDs(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 100 {
		g := tenant.NewGUID()
		if !shape.MatchString(g) || seen[g] {
			t.Fatalf("GUID %s", g)
		}
		seen[g] = true
	}
}

func TestSendCodesHaveTheirDocumentedNames(t *testing.T) {
	t.Parallel()
	for code, want := range map[tenant.SendCode]string{
		1: "Unsubscribed", 2: "Held", 4: "MissingEmailAddress", 5: "InvalidEmailAddress", 11: "NoAllSubscribersListEntry",
		14: "EmailAddressMismatch", 15: "UnspecifiedError", 19: "MissingRequiredFields", 20: "InvalidFieldValue", 99: "Code99",
	} {
		if code.String() != want {
			t.Errorf("%d is %s", int(code), code)
		}
	}
}
