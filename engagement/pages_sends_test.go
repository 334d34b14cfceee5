package engagement_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// posted waits for mail to the addresses, in whatever order it comes.
func (s site) posted(t *testing.T, addresses ...string) map[string]mail.Message {
	t.Helper()
	got := map[string]mail.Message{}
	for range addresses {
		select {
		case m := <-s.mail:
			got[m.To.Email] = m
		case <-time.After(30 * time.Second):
			t.Fatalf("mail to %d of %v", len(got), addresses)
		}
	}
	return got
}

// sent waits until the messages are on record as sent, which a letter's arrival alone does not say.
func (s site) sent(t *testing.T, token string, keys ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, key := range keys {
		for {
			status, a := call(t, http.MethodGet, s.url+"/messaging/v1/email/messages/"+key, token, nil)
			if status == 200 && a["eventCategoryType"] == "TransactionalSendEvents.EmailSent" {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("message %s: %d %v", key, status, a)
			}
		}
	}
}

var (
	openLink  = regexp.MustCompile(`src="http://[^/]+(/t/o/[^"]+)"`)
	clickLink = regexp.MustCompile(`href="http://[^/]+(/t/c/[^"]+)"`)
	leaveLink = regexp.MustCompile(`href="http://[^/]+(/t/u/[^"]+)"`)
)

// TestSendPages: what went out, what became of it, and the standing of who got it, on the pages.
func TestSendPages(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := startWith(t, engagement.Options{DSN: sqldbtest.DSN(t, kind), Bounces: true})
			h := spec()
			h.Spec.Emails[0].HTML = `<p><a href="https://shop.example/">shop</a> <a href="%%unsub_center_url%%">leave</a></p>`
			h.Spec.Packages[0].Scopes = append(h.Spec.Packages[0].Scopes, "list_and_subscribers_write", "data_extensions_write")
			if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
				t.Fatal(err)
			}
			token := s.token(t, h)
			if status, a := call(t, http.MethodPatch, s.url+"/messaging/v1/email/definitions/welcome", token, map[string]any{"options": map[string]any{"trackLinks": true}}); status != 200 {
				t.Fatalf("links: %d %v", status, a)
			}
			fire := func(key, to string) {
				t.Helper()
				if status, a := call(t, "POST", s.url+"/messaging/v1/email/messages/"+key, token, map[string]any{"definitionKey": "welcome", "recipient": map[string]any{"contactKey": key, "to": to}}); status != 202 {
					t.Fatalf("sending: %d %v", status, a)
				}
			}
			fire("ann", "ann@example.com")
			fire("bob", "bob@example.com")
			fire("eve", "eve@example.com")
			mails := s.posted(t, "ann@example.com", "bob@example.com", "eve@example.com")
			s.sent(t, token, "ann", "bob", "eve")
			follow := func(method string, link *regexp.Regexp, to string) {
				t.Helper()
				found := link.FindStringSubmatch(mails[to].HTML)
				if found == nil {
					t.Fatalf("no %s in %s", link, mails[to].HTML)
				}
				if status, _, text := s.raw(t, method, strings.ReplaceAll(found[1], "&amp;", "&"), nil, ""); status >= 400 {
					t.Fatalf("%d %s", status, text)
				}
			}
			follow(http.MethodGet, openLink, "ann@example.com")
			follow(http.MethodGet, openLink, "ann@example.com")
			follow(http.MethodGet, clickLink, "ann@example.com")
			follow(http.MethodPost, leaveLink, "bob@example.com")
			report := "Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n--B\r\nContent-Type: message/delivery-status\r\n\r\n" +
				"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; eve@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n--B--\r\n"
			if err := s.TakeMail(t.Context(), []string{mails["eve@example.com"].ReturnPath}, []byte(report)); err != nil {
				t.Fatal(err)
			}

			p := s.person(t, h.Admin).Click("Email Studio").Click("Triggered Sends").Sees("1 in all", "Running").Click("Welcome")
			p.Sees("External Key welcome", "Targeted 3", "Sent 3", "Delivered 2", "Opens 2", "Unique Opens 1", "Unique Clicks 1", "Bounces 1", "Unsubscribes 1", "What became of the messages", "By day (UTC)")

			// Paused, it takes what is asked for and keeps it; started, it goes out.
			p.Press("Pause").Sees("The triggered send is paused.", "Status Paused")
			fire("joe", "joe@example.com")
			p.Open("/cloud/email/triggered-sends/welcome").Sees("Queued messages 1", "Waiting 1").Press("Start").Sees("Status Running")
			s.posted(t, "joe@example.com")

			// Whoever unsubscribed stays so until somebody changes it.
			p.Click("All Subscribers").Sees("bob@example.com Unsubscribed", "eve@example.com Bounced").Fill("Search", "BOB@").Press("Search").Sees("bob").SeesNot("ann@example.com")
			p.Click("bob").Choose("Status", "Active").Press("Save").Sees("Your changes are saved.", "Status Active")

			// A send to a list, which waits for its messages.
			email := s.soap(t, fuel(token), "Retrieve", retrieveOf("Email", whereEquals("CustomerKey", "hello"), "ID")).all("Results")[0].value("ID")
			written(t, s.soap(t, fuel(token), "Create", `<CreateRequest`+api+`><Objects xsi:type="Send"><Email><ID>`+email+`</ID></Email><List><ID>`+fmt.Sprint(int64(h.EID))+`</ID></List></Objects></CreateRequest>`), "OK", "")
			s.posted(t, "ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
			p.Click("Sends").Sees("Hello", "Job ID").Click("Hello").Sees("Targeted 4", "Subject Hello, %%First Name%%")
			if status := p.Open("/cloud/email/sends/1").Sees("There is no such send.").Status(); status != http.StatusNotFound {
				t.Error(status)
			}

			// A data extension with its records, page by page.
			written(t, s.soap(t, fuel(token), "Create", `<CreateRequest`+api+`><Objects xsi:type="DataExtension"><CustomerKey>orders</CustomerKey><Name>Orders</Name><Fields><Field><Name>Id</Name><FieldType>Text</FieldType><MaxLength>10</MaxLength><IsPrimaryKey>true</IsPrimaryKey><IsRequired>true</IsRequired></Field><Field><Name>City</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength></Field></Fields></Objects></CreateRequest>`), "OK", "")
			var rows []map[string]any
			for i := range 60 {
				rows = append(rows, map[string]any{"keys": map[string]any{"Id": fmt.Sprintf("o%02d", i)}, "values": map[string]any{"City": "Oslo"}})
			}
			body, err := json.Marshal(rows)
			if err != nil {
				t.Fatal(err)
			}
			if status, _, text := s.raw(t, http.MethodPost, "/hub/v1/dataevents/key:orders/rowset", map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}, string(body)); status != 200 {
				t.Fatalf("rows: %d %s", status, text)
			}
			p.Click("Data Extensions").Click("Orders").Sees("Record Count 60", "Id Text 10 Yes Yes", "o00 Oslo", "o49 Oslo").SeesNot("o50 Oslo").Click("Next").Sees("o59 Oslo").SeesNot("o49 Oslo").Click("First page").Sees("o00 Oslo")

			// Each page names the permission that is missing.
			a := s.person(t, h.Local)
			for path, want := range map[string]string{
				"/cloud/email/sends": "TrackingEvents.Read", "/cloud/email/subscribers": "ListAndSubscribers.Read", "/cloud/email/data-extensions": "DataExtensions.Read",
			} {
				if a.Open(path).Sees("You may not see or do this", want); a.Status() != http.StatusForbidden {
					t.Errorf("%s: %d", path, a.Status())
				}
			}
			n := s.person(t, h.Analyst)
			for path, want := range map[string]string{
				"/cloud/email/my-documents": "DocumentsAndImages.Read",
			} {
				n.Open(path).Sees("You may not see or do this", want)
			}
			n.Open("/cloud/email/triggered-sends/welcome").Press("Pause").Sees("Email.Write is missing")
		})
	}
}

// TestSenderPages: who mail may come from: profiles, domains with the record to set, addresses with a mailed link.
//
// seed:page S002-02
func TestSenderPages(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dns := &zone{records: map[string][]string{}}
			s := startWith(t, engagement.Options{DSN: sqldbtest.DSN(t, kind), Resolver: dns})
			h := spec()
			h.Spec.Packages[0].Scopes = append(h.Spec.Packages[0].Scopes, "documents_and_images_write", "accounts_read", "accounts_write")
			h.Spec.Settings.MyDocuments = true
			if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
				t.Fatal(err)
			}
			p := s.person(t, h.Admin).Click("Email Studio").Click("Domain Verification").Sees("Mail leaves only from verified domains")
			p.Fill("Domain or email address", "no domain").Press("Add").Sees("What is to be verified is an email address or a domain.")
			if p.Value("Domain or email address") != "no domain" || p.Status() != http.StatusBadRequest {
				t.Errorf("%d %q", p.Status(), p.Value("Domain or email address"))
			}
			p.Fill("Domain or email address", "shop.example").Press("Add").Sees("It is registered.", "shop.example RegisteredDomain Not verified", "Set this TXT record")
			p.PressIn("shop.example", "Check").Sees("has no TXT record")
			record := regexp.MustCompile(`twinspan-verification=\S+`).FindString(p.Open("/cloud/email/admin/domains").Text())
			dns.put("shop.example.", record)
			p.PressIn("shop.example", "Check").Sees("the domain is verified", "shop.example RegisteredDomain Verified")
			p.Fill("Domain or email address", "me@elsewhere.example").Press("Add").Sees("me@elsewhere.example UserDomain Not verified", "Follow the link in the mail")
			s.posted(t, "me@elsewhere.example")
			p.PressIn("me@elsewhere.example", "Remove").Sees("It is removed").SeesNot("me@elsewhere.example")

			p.Click("Sender Profiles").Sees("Default").Click("Create").Fill("Name", "Shop").Fill("From Name", "The Shop").Fill("From Email", "no").Press("Save").Sees("The From address is not an email address.")
			if p.Value("Name") != "Shop" {
				t.Error(p.Value("Name"))
			}
			p.Fill("From Email", "news@shop.example").Press("Save").Sees("The sender profile is there.", "The Shop", "news@shop.example")

			// Documents are listed, and saved as they are.
			if status, _, text := s.raw(t, http.MethodPut, "/v2/documents/2026-11-22migrationsuccess.csv", map[string]string{"Authorization": "Bearer " + s.token(t, h), "Content-Type": "text/csv"}, "user,result\nann,ok\n"); status != 200 {
				t.Fatalf("%d %s", status, text)
			}
			p.Click("My Documents").Sees("2026-11-22migrationsuccess.csv", "19").Click("2026-11-22migrationsuccess.csv").Sees("user,result ann,ok")
			if got := p.Header().Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename=") {
				t.Error(got)
			}
			s.settings(t, s.token(t, h), map[string]any{"my_documents": false})
			p.Open("/cloud/email/my-documents").Sees("My Documents in Content is off", "Setup > Security Settings").SeesNot("This did not work")
		})
	}
}
