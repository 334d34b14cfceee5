package twinspan_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// house is a running demo pair with clients of all its parts.
type house struct {
	ready   twinspan.Ready
	org     *crm.Session
	connect *connect.Client
	control *control.Client
	user    string // a mapped user of the org
}

func openHouse(t *testing.T, c twinspan.Config) *house {
	t.Helper()
	h := &house{ready: start(t, c).Ready()}
	h.org = signIn(t, h.ready, h.ready.CRM.Admin)
	h.user = h.ready.CRM.Users[0].Username
	var err error
	if h.connect, err = connect.New(h.ready.Connect.URL, vault.Secret(h.ready.Connect.APIToken), nil); err != nil {
		t.Fatal(err)
	}
	if h.control, err = control.New(h.ready.Control.URL, vault.Secret(h.ready.Control.Token), nil); err != nil {
		t.Fatal(err)
	}
	return h
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (h *house) create(t *testing.T, object string, fields map[string]any) string {
	t.Helper()
	return must[string](t)(h.org.CreateRecord(bounded(t), object, fields))
}

// settle waits until a mailing is over, or in the state given.
func (h *house) settle(t *testing.T, id, state string) connect.Mailing {
	t.Helper()
	ctx := bounded(t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		m, err := h.connect.Mailing(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if m.State == state {
			return m
		}
		if m.Over() {
			t.Fatalf("the send ended as %+v, want %s", m, state)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited for %s: %+v", state, m)
		}
	}
}

func (h *house) mailing(kind string, ids ...string) connect.MailingRequest {
	return connect.MailingRequest{Kind: kind, IDs: ids, DefinitionKey: "welcome", As: h.user, By: "test"}
}

// send starts a mailing and waits for its end; it returns the recipients.
func (h *house) send(t *testing.T, r connect.MailingRequest) (connect.Mailing, []connect.Recipient) {
	t.Helper()
	m := must[connect.Mailing](t)(h.connect.StartMailing(bounded(t), r, ""))
	m = h.settle(t, m.ID, "completed")
	return m, h.recipients(t, m.ID)
}

func (h *house) recipients(t *testing.T, id string) []connect.Recipient {
	t.Helper()
	var all []connect.Recipient
	if err := h.connect.MailingRecipients(bounded(t), id, func(page []connect.Recipient) error { all = append(all, page...); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func (h *house) mails(t *testing.T, to string, atLeast int) {
	t.Helper()
	for n, last := 0, ""; n < atLeast; n++ {
		got := must[[]control.Mail](t)(h.control.Mails(bounded(t), control.MailQuery{To: to, After: last, Wait: 20 * time.Second}))
		if len(got) == 0 {
			t.Fatalf("%d messages for %s, want %d", n, to, atLeast)
		}
		last = got[len(got)-1].ID
		n += len(got) - 1
	}
}

func (h *house) person(t *testing.T, object, name string, more map[string]any) string {
	t.Helper()
	fields := map[string]any{"FirstName": "Kim", "LastName": name, "Email": strings.ToLower(name) + "@customer.example"}
	if object == "Lead" {
		fields["Company"] = "Customer"
	}
	for k, v := range more {
		fields[k] = v
	}
	return h.create(t, object, fields)
}

// TestSendsToAudiences: to contacts, leads, a campaign, a report and a data extension; in a scope and without; later, and
// through an outage.
func TestSendsToAudiences(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := freePorts("")
			c.Ephemeral, c.DB = true, spawn.DSN(t, kind)
			audiences(t, openHouse(t, c))
		})
	}
}

func audiences(t *testing.T, h *house) {
	ctx := bounded(t)
	ann, out := h.person(t, "Contact", "Ann", nil), h.person(t, "Contact", "Out", map[string]any{"HasOptedOutOfEmail": true})
	mute := h.person(t, "Contact", "Mute", map[string]any{"Email": nil})
	lea := h.person(t, "Lead", "Lea", nil)

	// Contacts: each is mailed once, whoever must not or cannot be is named. The key is the id of 18 characters.
	m, rcpt := h.send(t, h.mailing("contact", ann[:15], out, mute, ann, "003000000000000AAA"))
	if m.Counts != (connect.MailingCounts{Recipients: 4, Accepted: 1, Refused: 3}) && m.Counts != (connect.MailingCounts{Recipients: 4, Sent: 1, Refused: 3}) || rcpt[0].RecordID != ann {
		t.Fatalf("contacts: %+v %+v", m, rcpt)
	}
	for i, code := range []string{"", "opted_out", "no_email", "record_not_visible"} {
		if got := rcpt[i].Reason; code == "" && got != nil || code != "" && (got == nil || got.Code != code) {
			t.Errorf("recipient %d: %+v, want %q", i, rcpt[i], code)
		}
	}
	h.mails(t, "ann@customer.example", 1)

	// The same key is the same send.
	one := must[connect.Mailing](t)(h.connect.StartMailing(ctx, h.mailing("lead", lea), "lead-1"))
	again := must[connect.Mailing](t)(h.connect.StartMailing(ctx, h.mailing("lead", lea), "lead-1"))
	if one.ID != again.ID {
		t.Fatal("the same key began two sends")
	}
	h.settle(t, one.ID, "completed")
	h.mails(t, "lea@customer.example", 1)

	// A campaign's members, contacts and leads alike.
	campaign := h.create(t, "Campaign", map[string]any{"Name": "Spring", "IsActive": true})
	for _, id := range []string{ann, out} {
		h.create(t, "CampaignMember", map[string]any{"CampaignId": campaign, "ContactId": id})
	}
	h.create(t, "CampaignMember", map[string]any{"CampaignId": campaign, "LeadId": lea})
	if m, _ = h.send(t, h.mailing("campaign", campaign)); m.Counts.Recipients != 3 || m.Counts.Refused != 1 {
		t.Fatalf("campaign: %+v", m)
	}

	// A report, by whichever column holds people.
	report := h.create(t, "Report", map[string]any{"Name": "Kims", "Query": "SELECT Name, Id FROM Contact WHERE FirstName = 'Kim'"})
	if m, _ = h.send(t, h.mailing("report", report)); m.Counts.Recipients != 3 || m.Counts.Refused != 2 {
		t.Fatalf("report: %+v", m)
	}
	nobody := h.create(t, "Report", map[string]any{"Name": "Names", "Query": "SELECT Name FROM Contact"})
	bad := must[connect.Mailing](t)(h.connect.StartMailing(ctx, h.mailing("report", nobody), ""))
	if bad = h.settle(t, bad.ID, "failed"); bad.Reason == nil || bad.Reason.Code != "no_contact_or_lead_column" {
		t.Fatalf("a report without people: %+v", bad)
	}

	// Of a report with more rows than the org's API shows, 2,000, nobody is mailed: which they are was nobody's choice.
	for n := 0; n < 2001; n += crm.MaxCollection {
		crowd := make([]map[string]any, min(crm.MaxCollection, 2001-n))
		for i := range crowd {
			crowd[i] = map[string]any{"FirstName": "Crowd", "LastName": fmt.Sprint(n + i), "Company": "Crowd"}
		}
		if saved := must[[]crm.Saved](t)(h.org.CreateRecords(ctx, "Lead", crowd)); saved[len(saved)-1].Err != nil {
			t.Fatal(saved[len(saved)-1].Err)
		}
	}
	large := h.create(t, "Report", map[string]any{"Name": "Crowd", "Query": "SELECT Id FROM Lead WHERE FirstName = 'Crowd'"})
	bad = must[connect.Mailing](t)(h.connect.StartMailing(ctx, h.mailing("report", large), ""))
	if bad = h.settle(t, bad.ID, "failed"); bad.Reason == nil || bad.Reason.Code != "report_too_large" || bad.Counts.Recipients != 0 {
		t.Fatalf("a report of 2,001 rows: %+v", bad)
	}

	// A data extension: ids of both lengths are one person, the address is the row's, consent is the org's.
	h.extension(t, "Guests", [][2]string{{ann[:15], "ann.other@customer.example"}, {out, "out@customer.example"}, {"guest", "guest@customer.example"}})
	m, rcpt = h.send(t, h.mailing("data_extension", "Guests"))
	if m.Counts.Recipients != 3 || m.Counts.Refused != 2 {
		t.Fatalf("data extension: %+v %+v", m, rcpt)
	}
	h.mails(t, "ann.other@customer.example", 1)

	h.scoped(t, ann, campaign)
	h.later(t, ann)
	h.outage(t, []connect.MailingRequest{h.mailing("contact", ann), h.mailing("lead", lea), h.mailing("campaign", campaign), h.mailing("report", report), h.mailing("data_extension", "Guests")}, ann)
}

// scoped: with the scope on, a user reaches the records that he owns; an administrator reaches all.
func (h *house) scoped(t *testing.T, other, campaign string) {
	ctx := bounded(t)
	users := must[[]crm.Record](t)(h.org.Query(ctx, "SELECT Id FROM User WHERE Username = '"+h.user+"'"))
	own := h.person(t, "Contact", "Own", map[string]any{"OwnerId": users[0].String("Id")})
	h.create(t, "CampaignMember", map[string]any{"CampaignId": campaign, "ContactId": own})
	must[connect.SendSettings](t)(h.connect.SetSendSettings(ctx, connect.SendSettings{ScopeByUser: true}, "test", ""))
	m, rcpt := h.send(t, h.mailing("contact", own, other))
	if !m.OwnRecordsOnly || rcpt[0].Reason != nil || rcpt[1].Reason == nil || rcpt[1].Reason.Code != "record_not_visible" {
		t.Fatalf("scoped: %+v %+v", m, rcpt)
	}
	if m, _ = h.send(t, h.mailing("campaign", campaign)); m.Counts.Recipients != 1 {
		t.Fatalf("scoped campaign: %+v", m)
	}
	const adminBox, userBox = "et4ae5__ExactTargetForAppExchangeAdmin__c", "et4ae5__ExactTargetForAppExchangeUser__c"
	box := func(fields map[string]any) {
		t.Helper()
		if err := h.org.UpdateRecord(ctx, "User", users[0].String("Id"), fields); err != nil {
			t.Fatal(err)
		}
	}
	box(map[string]any{adminBox: true})
	if m, _ = h.send(t, h.mailing("contact", own, other)); m.OwnRecordsOnly || m.Counts.Refused != 0 {
		t.Fatalf("an administrator, scoped: %+v", m)
	}
	box(map[string]any{userBox: false})
	if _, err := h.connect.StartMailing(ctx, h.mailing("contact", own), ""); err == nil || !strings.Contains(err.Error(), "Insufficient User Permissions") {
		t.Fatalf("a user who is not designated: %v", err)
	}
	box(map[string]any{adminBox: false, userBox: true})
	must[connect.SendSettings](t)(h.connect.SetSendSettings(ctx, connect.SendSettings{}, "test", ""))
}

// later: a scheduled send goes out when domain time says so, and not when it was cancelled.
func (h *house) later(t *testing.T, ann string) {
	ctx := bounded(t)
	clock := must[control.Clock](t)(h.control.Clock(ctx))
	at := clock.Now.Add(6 * time.Hour)
	r := h.mailing("contact", ann)
	r.At = &at
	m := must[connect.Mailing](t)(h.connect.StartMailing(ctx, r, ""))
	gone := must[connect.Mailing](t)(h.connect.StartMailing(ctx, r, ""))
	if gone = must[connect.Mailing](t)(h.connect.CancelMailing(ctx, gone.ID, "test", "")); gone.State != "cancelled" {
		t.Fatalf("cancelled: %+v", gone)
	}
	if list := must[[]connect.Mailing](t)(h.connect.Mailings(ctx, "scheduled")); len(list) != 1 || list[0].ID != m.ID {
		t.Fatalf("scheduled: %+v", list)
	}
	must[control.Clock](t)(h.control.Advance(ctx, 6*time.Hour))
	h.settle(t, m.ID, "completed")
	past := clock.Now
	r.At = &past
	if _, err := h.connect.StartMailing(ctx, r, ""); err == nil {
		t.Fatal("a send was scheduled into the past")
	}
}

// extension makes a data extension of contacts with their addresses in the user's business unit.
func (h *house) extension(t *testing.T, key string, rows [][2]string) {
	t.Helper()
	ctx := bounded(t)
	token := h.marketer(t)
	body := `<Objects xsi:type="DataExtension"><CustomerKey>` + key + `</CustomerKey><Name>` + key + `</Name><IsSendable>true</IsSendable>` +
		`<SendableDataExtensionField><Name>Contact ID</Name></SendableDataExtensionField><SendableSubscriberField><Name>_SubscriberKey</Name></SendableSubscriberField><Fields>` +
		`<Field><Name>Contact ID</Name><FieldType>Text</FieldType><MaxLength>18</MaxLength><IsPrimaryKey>true</IsPrimaryKey><IsRequired>true</IsRequired></Field>` +
		`<Field><Name>Mail</Name><FieldType>EmailAddress</FieldType></Field></Fields></Objects>`
	h.soap(ctx, t, token, "Create", body)
	for _, row := range rows {
		h.soap(ctx, t, token, "Create", fmt.Sprintf(`<Objects xsi:type="DataExtensionObject"><CustomerKey>%s</CustomerKey><Properties><Property><Name>Contact ID</Name><Value>%s</Value></Property>`+
			`<Property><Name>Mail</Name><Value>%s</Value></Property></Properties></Objects>`, key, row[0], row[1]))
	}
}

func (h *house) soap(ctx context.Context, t *testing.T, token engagement.Token, operation, objects string) {
	t.Helper()
	body := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Header><fueloauth xmlns="http://exacttarget.com">` +
		token.AccessToken.Reveal() + `</fueloauth></s:Header><s:Body><` + operation + `Request xmlns="http://exacttarget.com/wsdl/partnerAPI">` + objects + `</` + operation + `Request></s:Body></s:Envelope>`
	req := must[*http.Request](t)(http.NewRequestWithContext(ctx, http.MethodPost, h.ready.Engagement.SOAPURL+"Service.asmx", strings.NewReader(body)))
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", operation)
	resp := must[*http.Response](t)(http.DefaultTransport.RoundTrip(req))
	defer resp.Body.Close()
	text := must[[]byte](t)(io.ReadAll(io.LimitReader(resp.Body, 1<<20)))
	if !strings.Contains(string(text), "<OverallStatus>OK<") {
		t.Fatalf("%s: %s", operation, text)
	}
}
