package twinspan_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// TestResults: what messages report back is written to the org, once, and opt-outs travel both ways.
func TestResults(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := freePorts("")
			c.Ephemeral, c.DB = true, spawn.DSN(t, kind)
			results(t, openHouse(t, c))
		})
	}
}

const ier = "et4ae5__IndividualEmailResult__c"

func results(t *testing.T, h *house) {
	ctx := bounded(t)
	system := signIn(t, h.ready, h.ready.CRM.SystemUser)
	h.definition(t, "news")
	ann, lea := h.person(t, "Contact", "Ann", nil), h.person(t, "Lead", "Lea", nil)
	campaign := h.create(t, "Campaign", map[string]any{"Name": "Spring", "IsActive": true})
	h.create(t, "CampaignMember", map[string]any{"CampaignId": campaign, "ContactId": ann})
	h.create(t, "CampaignMember", map[string]any{"CampaignId": campaign, "LeadId": lea})
	r := h.mailing("campaign", campaign)
	r.DefinitionKey = "news"
	m, _ := h.send(t, r)
	h.mails(t, "ann@customer.example", 1)
	h.mails(t, "lea@customer.example", 1)
	h.arrived(t, m.ID, 2)

	// The first reading makes a record of each message, under one send; the second changes nothing.
	records := func() map[string]crm.Record {
		t.Helper()
		all := map[string]crm.Record{}
		for _, rec := range must[[]crm.Record](t)(system.Query(ctx, "SELECT Id, et4ae5__Contact__c, et4ae5__Lead__c, et4ae5__SendDefinition__c, et4ae5__TriggeredSendDefinition__c, et4ae5__DateSent__c, "+
			"et4ae5__Opened__c, et4ae5__NumberOfTotalClicks__c, et4ae5__NumberOfUniqueClicks__c, et4ae5__DateUnsubscribed__c, et4ae5__HardBounce__c FROM "+ier)) {
			all[rec.String("et4ae5__Contact__c")+rec.String("et4ae5__Lead__c")] = rec
		}
		return all
	}
	got := records()
	one, two := got[ann], got[lea]
	if len(got) != 2 || one.Time("et4ae5__DateSent__c").IsZero() || one.String("et4ae5__SendDefinition__c") == "" ||
		one.String("et4ae5__SendDefinition__c") != two.String("et4ae5__SendDefinition__c") || one.String("et4ae5__TriggeredSendDefinition__c") != "" {
		t.Fatalf("results: %v", got)
	}
	if p := h.pull(t); p.Written != 0 || p.Events != 0 {
		t.Errorf("read again: %+v", p)
	}

	// Ann opens the mail, follows its link twice and unsubscribes; the org hears all of it.
	mail := must[[]control.Mail](t)(h.control.Mails(ctx, control.MailQuery{To: "ann@customer.example"}))
	body := must[control.Mail](t)(h.control.Mail(ctx, mail[0].ID))
	for _, part := range []string{"/t/o/", "/t/c/", "/t/c/"} {
		visit(ctx, t, http.MethodGet, link(t, body.HTML, part), "")
	}
	visit(ctx, t, http.MethodPost, link(t, body.HTML, "/t/u/"), "List-Unsubscribe=One-Click")
	if p := h.pull(t); p.Events < 4 || p.Written != 1 || p.OptedOut != 1 {
		t.Errorf("after the visit: %+v", p)
	}
	one = records()[ann]
	if !one.Bool("et4ae5__Opened__c") || one.Int("et4ae5__NumberOfTotalClicks__c") != 2 || one.Int("et4ae5__NumberOfUniqueClicks__c") != 1 || one.Time("et4ae5__DateUnsubscribed__c").IsZero() {
		t.Errorf("after the visit: %v", one)
	}
	if contact := must[crm.Record](t)(h.org.GetRecord(ctx, "Contact", ann, "HasOptedOutOfEmail")); !contact.Bool("HasOptedOutOfEmail") {
		t.Error("who unsubscribed has not opted out in the org")
	}
	if _, rcpt := h.send(t, h.mailing("contact", ann)); rcpt[0].Reason == nil || rcpt[0].Reason.Code != "opted_out" {
		t.Errorf("mailed after unsubscribing: %+v", rcpt)
	}

	// Lea opts out in the org; Engagement never mails her again, whoever asks. Before her stands somebody whose address
	// Engagement does not take: he is listed, and holds nobody up.
	h.create(t, "Lead", map[string]any{"LastName": "Long", "Company": "x", "Email": strings.Repeat("l", 65) + "@x.example", "HasOptedOutOfEmail": true})
	if err := h.org.UpdateRecord(ctx, "Lead", lea, map[string]any{"HasOptedOutOfEmail": true}); err != nil {
		t.Fatal(err)
	}
	if p := h.pull(t); p.Unsubscribed == 0 {
		t.Errorf("after opting out: %+v", p)
	}
	if s := h.subscriber(t, lea); s != "Unsubscribed" {
		t.Errorf("who opted out is %s in the tenant", s)
	}
	if tracked := must[connect.Tracking](t)(h.connect.Tracking(ctx)); tracked.Refused != 1 || tracked.Cause != nil {
		t.Errorf("after a refusal: %+v", tracked)
	}
	if err := h.connect.Refusals(ctx, func(page []connect.Refusal) error {
		if len(page) != 1 || page[0].Want != "unsubscribe" || page[0].Reason.Code == "" {
			t.Errorf("refused: %+v", page)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if p := must[connect.Pulled](t)(h.connect.PullRefused(ctx, "")); p.Refused != 1 {
		t.Errorf("tried again: %+v", p)
	}

	// A single triggered send hangs on the definition's record.
	zoe := h.person(t, "Contact", "Zoe", nil)
	must[connect.Send](t)(h.connect.SendTriggered(ctx, zoe, "welcome", "zoe"))
	h.mails(t, "zoe@customer.example", 1)
	for deadline := bounded(t); records()[zoe] == nil && deadline.Err() == nil; {
		h.pull(t)
	}
	if z := records()[zoe]; z.String("et4ae5__TriggeredSendDefinition__c") == "" || z.String("et4ae5__SendDefinition__c") != "" {
		t.Errorf("a triggered send's result: %v", z)
	}
}

// pull brings results back; it waits for the reading that goes on in the background.
func (h *house) pull(t *testing.T) connect.Pulled {
	t.Helper()
	ctx := bounded(t)
	for {
		p, err := h.connect.Pull(ctx, "")
		if err == nil || !strings.Contains(err.Error(), "being brought back already") {
			return must[connect.Pulled](t)(p, err)
		}
	}
}

// arrived pulls until so many messages of a mailing are told to the org.
func (h *house) arrived(t *testing.T, id string, want int) {
	t.Helper()
	ctx := bounded(t)
	for n := 0; n < want; {
		h.pull(t)
		n = 0
		err := h.connect.MailingResults(ctx, id, func(page []connect.Result) error {
			for _, r := range page {
				if r.ResultID != "" {
					n++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if m := must[connect.Mailing](t)(h.connect.Mailing(ctx, id)); m.Counts.Sent != want {
		t.Errorf("the send: %+v", m.Counts)
	}
}

// definition makes a commercial definition with a link in the business unit of the user.
func (h *house) definition(t *testing.T, key string) {
	t.Helper()
	ctx := bounded(t)
	token := h.marketer(t)
	h.soap(ctx, t, token, "Create", `<Objects xsi:type="Email"><CustomerKey>`+key+`</CustomerKey><Name>`+key+`</Name><Subject>News</Subject>`+
		`<HTMLBody>&lt;p&gt;&lt;a href="http://shop.example/a"&gt;Shop&lt;/a&gt; &lt;a href="%%unsub_center_url%%"&gt;Leave&lt;/a&gt;&lt;/p&gt;</HTMLBody></Objects>`)
	h.soap(ctx, t, token, "Create", `<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>`+key+`</CustomerKey><Name>`+key+`</Name><Email><CustomerKey>`+key+`</CustomerKey></Email>`+
		`<SendClassification><CustomerKey>Default Commercial</CustomerKey></SendClassification><AutoAddSubscribers>true</AutoAddSubscribers><AutoUpdateSubscribers>true</AutoUpdateSubscribers><IsWrapped>true</IsWrapped></Objects>`)
	h.soap(ctx, t, token, "Update", `<Objects xsi:type="TriggeredSendDefinition"><CustomerKey>`+key+`</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus></Objects>`)
}

// subscriber is the status of a subscriber in the tenant.
func (h *house) subscriber(t *testing.T, key string) string {
	t.Helper()
	c := must[*engagement.Client](t)(engagement.New(engagement.Options{AuthURL: h.ready.Engagement.AuthURL}))
	found, err := c.Session(h.marketer(t)).Retrieve(bounded(t), engagement.RetrieveRequest{ObjectType: "Subscriber", Properties: []string{"SubscriberKey", "Status"}, Filter: engagement.Equals("SubscriberKey", key)})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d subscribers, %v", len(found), err)
	}
	return found[0].Value("Status")
}

// marketer is a token of the fixture's server package in the user's business unit.
func (h *house) marketer(t *testing.T) engagement.Token {
	t.Helper()
	ctx := bounded(t)
	var mid int64
	for _, u := range must[[]connect.User](t)(h.connect.Users(ctx, "")) {
		if u.CRMUsername == h.user {
			mid = u.AccountID
		}
	}
	c := must[*engagement.Client](t)(engagement.New(engagement.Options{AuthURL: h.ready.Engagement.AuthURL}))
	p := h.ready.Engagement.InstalledPackage
	return must[engagement.Token](t)(c.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: p.ClientID, Secret: vault.Secret(p.ClientSecret), MID: mid}))
}

// link is the address of a mail's HTML that has the part in its path.
func link(t *testing.T, html, part string) string {
	t.Helper()
	found := regexp.MustCompile(`"(http[^"]*` + part + `[^"]*)"`).FindStringSubmatch(html)
	if found == nil {
		t.Fatalf("no link %s in %s", part, html)
	}
	return strings.ReplaceAll(found[1], "&amp;", "&")
}

// visit does what a mail program or its reader does, without following where it leads.
func visit(ctx context.Context, t *testing.T, method, address, form string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req := must[*http.Request](t)(http.NewRequestWithContext(ctx, method, address, strings.NewReader(form)))
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp := must[*http.Response](t)(http.DefaultTransport.RoundTrip(req))
	_ = resp.Body.Close()
	if resp.StatusCode >= 400 {
		t.Fatalf("%s %s answers %d", method, address, resp.StatusCode)
	}
}
