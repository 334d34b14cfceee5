package sender_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/track"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/web"
)

// reader is somebody who gets a tenant's mail and uses its links.
type reader struct {
	*sendertest.Kit
	t    *testing.T
	site http.Handler
}

var houseLinks = tenant.Links{Base: "https://tenant.example", Key: bytes.Repeat([]byte{1}, 32), Returns: true}

// newReader makes a tenant with a commercial definition "news" whose links are tracked.
func newReader(t *testing.T, db *sqldb.DB, smtp mail.Sender) *reader {
	t.Helper()
	k := sendertest.New(t, db, sendertest.Options{Links: houseLinks, Mail: smtp})
	server, err := track.New(track.Options{Tracking: k.Tracking, Verification: k.Verification})
	if err != nil {
		t.Fatal(err)
	}
	mux := web.NewMux()
	server.Mount(mux)
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
		if err := sqlstore.PutEmail(tx, tenant.Email{
			Tenant: sendertest.EID, MID: sendertest.Top, CustomerKey: "news-email", Name: "News", Subject: "News",
			HTML: `<body><a href="https://shop.example/?who=%%_subscriberkey%%">shop</a> <a href="%%unsub_center_url%%">leave</a> %%member_busname%%</body>`, Created: k.Time.Now(), Modified: k.Time.Now(),
		}); err != nil {
			return err
		}
		return sqlstore.PutDefinition(tx, tenant.Definition{
			Tenant: sendertest.EID, MID: sendertest.Top, Key: "news", Name: "News", Classification: tenant.ClassificationCommercial, Status: tenant.DefinitionActive,
			EmailKey: "news-email", ListKey: tenant.AllSubscribers, FromAddress: sendertest.From, AutoAdd: true, AutoUpdate: true, TrackLinks: true,
			Created: k.Time.Now(), Modified: k.Time.Now(),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return &reader{Kit: k, t: t, site: mux}
}

// news sends the definition to the contact and awaits the state.
func (r *reader) news(key, contact string, state tenant.MessageState) tenant.Message {
	r.t.Helper()
	receipt, err := r.Sends.Accept(r.t.Context(), sendertest.Principal(sendertest.Top), tenant.SendRequest{
		DefinitionKey: "news", Recipients: []tenant.Recipient{{MessageKey: key, ContactKey: contact, To: contact + "@example.com"}},
	})
	if err != nil || receipt.Failed() > 0 {
		r.t.Fatalf("%+v, %v", receipt, err)
	}
	return r.AwaitState(sendertest.Top, key, state)
}

// visit asks for an address of the tenant.
func (r *reader) visit(method, link, body string) *http.Response {
	r.t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		r.t.Fatal(err)
	}
	q := httptest.NewRequestWithContext(r.t.Context(), method, u.RequestURI(), strings.NewReader(body))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	r.site.ServeHTTP(w, q)
	return w.Result()
}

// events reads the values of a property of the tenant's events of a type, as SOAP's Retrieve does.
func (r *reader) events(object, property string) []string {
	r.t.Helper()
	page, err := r.Retrieves.Retrieve(r.t.Context(), sendertest.Principal(sendertest.Top), tenant.RetrieveRequest{Object: object, Properties: []string{property}})
	if err != nil {
		r.t.Fatal(err)
	}
	values := []string{}
	for _, row := range page.Rows.Values {
		values = append(values, fmt.Sprint(row[0]))
	}
	return values
}

func (r *reader) status(contact string) tenant.SubscriberStatus {
	r.t.Helper()
	s, err := r.Store.SubscriberByKey(r.t.Context(), sendertest.EID, contact)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.Status
}

func (r *reader) want(what string, got []string, want ...string) {
	r.t.Helper()
	if strings.Join(got, "|") != strings.Join(want, "|") {
		r.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

var href = regexp.MustCompile(`(?:href|src)="([^"]+)"`)

// mailOf returns a mail's links and its raw text.
func (r *reader) mailOf(contact string) (links []string, raw string, m mail.Mail) {
	r.t.Helper()
	list := r.Mails(contact + "@example.com")
	m, err := r.Inbox.Get(list[len(list)-1].ID)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, match := range href.FindAllStringSubmatch(m.HTML, -1) {
		links = append(links, strings.ReplaceAll(match[1], "&amp;", "&"))
	}
	data, err := r.Inbox.Raw(m.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	return links, string(data), m
}

func TestAMessageReportsBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReader(t, db, nil)
		r.news("n1", "ada", tenant.MessageSent)
		r.want("sent", r.events("SentEvent", "SubscriberKey"), "ada")
		links, _, m := r.mailOf("ada")
		if len(links) != 3 || !strings.Contains(m.HTML, "Northern Trail") {
			t.Fatalf("%s", m.HTML)
		}
		shop, leave, pixel := links[0], links[1], links[2]

		if res := r.visit("GET", pixel, ""); res.StatusCode != 200 || res.Header.Get("Content-Type") != "image/gif" {
			t.Errorf("pixel: %v", res)
		}
		r.visit("HEAD", pixel, "")
		r.want("opens", r.events("OpenEvent", "EventType"), "Open")

		res := r.visit("GET", shop, "")
		if res.StatusCode != http.StatusFound || res.Header.Get("Location") != "https://shop.example/?who=ada" {
			t.Errorf("click: %v", res)
		}
		r.want("clicks", r.events("ClickEvent", "URL"), "https://shop.example/?who=ada")
		// Nobody can make it lead elsewhere, or use one link for another.
		for _, forged := range []string{
			strings.Replace(shop, "shop.example", "evil.example", 1), strings.SplitAfter(shop, "?u=")[0] + "https%3A%2F%2Fevil.example",
			strings.Replace(pixel, "/t/o/", "/t/c/", 1) + "?u=https%3A%2F%2Fevil.example", strings.Replace(shop, "/t/c/", "/t/u/", 1),
		} {
			if res := r.visit("GET", forged, ""); res.StatusCode != http.StatusNotFound || res.Header.Get("Location") != "" {
				t.Errorf("%s: %v", forged, res)
			}
		}

		// A scanner follows every link and changes nothing.
		if res := r.visit("GET", leave, ""); res.StatusCode != 200 || r.status("ada") != tenant.SubscriberActive {
			t.Errorf("looking unsubscribes: %d, %s", res.StatusCode, r.status("ada"))
		}
		for range 2 { // the second time changes nothing more
			if res := r.visit("POST", leave, ""); res.StatusCode != 200 {
				t.Errorf("unsubscribing: %v", res)
			}
		}
		r.want("unsubscribed", r.events("UnsubEvent", "SubscriberKey"), "ada")
		if m := r.news("n2", "ada", tenant.MessageNotSent); m.Code != tenant.SendUnsubscribed {
			t.Errorf("the next send: %+v", m)
		}
		r.want("not sent", r.events("NotSentEvent", "SubscriberKey"), "ada")
	})
}

func TestOneClickUnsubscription(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReader(t, db, nil)
		r.news("n1", "bob", tenant.MessageSent)
		_, raw, _ := r.mailOf("bob")
		raw = strings.ReplaceAll(raw, "\r\n ", " ") // unfold
		match := regexp.MustCompile(`List-Unsubscribe: +<([^>]+)>`).FindStringSubmatch(raw)
		if match == nil || !strings.Contains(raw, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") {
			t.Fatalf("no one-click unsubscription in\n%s", raw)
		}
		if res := r.visit("POST", match[1], "List-Unsubscribe=One-Click"); res.StatusCode != 200 || r.status("bob") != tenant.SubscriberUnsubscribed {
			t.Errorf("%v, %s", res, r.status("bob"))
		}
	})
}

// smtpSaying is the way to a mail server that says the same of every recipient.
func smtpSaying(t *testing.T, rcpt string) mail.Sender {
	t.Helper()
	s, err := mail.NewSender(refuser(t, rcpt))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAHardBounceIsNotedWithTheSubscriber(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReader(t, db, smtpSaying(t, "550 5.1.1 no such user"))
		for i, want := range []tenant.SubscriberStatus{tenant.SubscriberBounced, tenant.SubscriberBounced, tenant.SubscriberHeld} {
			m := r.news(fmt.Sprint("n", i), "cyd", tenant.MessageNotSent)
			if got := r.status("cyd"); got != want || m.Code != tenant.SendUnspecified {
				t.Errorf("after bounce %d: %s, %+v", i+1, got, m)
			}
			r.Time.Advance(8 * 24 * time.Hour)
		}
		r.want("codes", r.events("BounceEvent", "SMTPCode"), "5.1.1", "5.1.1", "5.1.1")
		r.want("categories", r.events("BounceEvent", "BounceCategory"), "Hard bounce", "Hard bounce", "Hard bounce")
		r.want("reasons", r.events("BounceEvent", "SMTPReason")[:1], "5.1.1 no such user")
		r.want("types", r.events("BounceEvent", "EventType")[:1], "HardBounce")
		if m := r.news("last", "cyd", tenant.MessageNotSent); m.Code != tenant.SendHeld {
			t.Errorf("a held subscriber: %+v", m)
		}
	})
}

func TestABlockSaysNothingOfTheAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReader(t, db, smtpSaying(t, "550 5.7.1 spam"))
		r.news("n", "cyd", tenant.MessageNotSent)
		if r.status("cyd") != tenant.SubscriberActive {
			t.Errorf("%s", r.status("cyd"))
		}
		r.want("categories", r.events("BounceEvent", "BounceCategory"), "Block bounce")
	})
}

// A message that is put off is tried again until its attempts are over, and then has bounced softly.
func TestAMessageThatIsPutOffForGoodBouncesSoftly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReader(t, db, smtpSaying(t, "451 4.2.0 later"))
		if _, err := r.Sends.Accept(t.Context(), sendertest.Principal(sendertest.Top), tenant.SendRequest{
			DefinitionKey: "news", Recipients: []tenant.Recipient{{MessageKey: "n", ContactKey: "eve", To: "eve@example.com"}},
		}); err != nil {
			t.Fatal(err)
		}
		// An attempt is over when its job is queued again: what moves time on before that takes the worker's lease.
		over := func() bool {
			var running int
			if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM job WHERE state = 'running'`).Scan(&running); err != nil {
				t.Error(err)
			}
			return running == 0
		}
		m := r.Await(sendertest.Top, "n", func(m tenant.Message) bool {
			return m.Attempt == 1 && m.State == tenant.MessageQueued && over()
		})
		for m.State == tenant.MessageQueued {
			before := m.Attempt
			r.Time.Advance(11 * time.Minute)
			r.Queue.Wake()
			m = r.Await(sendertest.Top, "n", func(m tenant.Message) bool {
				return (m.Attempt > before && m.State != tenant.MessageSending || m.State == tenant.MessageNotSent) && over()
			})
		}
		if m.State != tenant.MessageNotSent || m.Attempt < 20 {
			t.Errorf("%+v", m)
		}
		r.want("categories", r.events("BounceEvent", "BounceCategory"), "Soft bounce")
		if r.status("eve") != tenant.SubscriberActive {
			t.Errorf("%s", r.status("eve"))
		}
	})
}

// A message that was taken and came back later is known by the address that it came back to.
func TestABounceThatComesByMail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReader(t, db, nil)
		r.news("n1", "dan", tenant.MessageSent)
		_, _, m := r.mailOf("dan")
		if !strings.HasSuffix(m.EnvelopeFrom, "@news.example.com") || m.EnvelopeFrom == sendertest.From {
			t.Fatalf("bounces go to %s", m.EnvelopeFrom)
		}
		b := tenant.BounceOf("5.1.1", "gone")
		for range 2 { // mail servers repeat themselves
			if known, err := r.Tracking.Returned(t.Context(), m.EnvelopeFrom, b); err != nil || !known {
				t.Errorf("%v, %v", known, err)
			}
		}
		if known, err := r.Tracking.Returned(t.Context(), sendertest.From, b); err != nil || known {
			t.Errorf("an ordinary address: %v, %v", known, err)
		}
		r.want("bounces", r.events("BounceEvent", "SubscriberKey"), "dan")
		if got := r.status("dan"); got != tenant.SubscriberBounced {
			t.Errorf("%s", got)
		}
		// Who bounced once is tried again, and is well when he reads.
		r.news("n2", "dan", tenant.MessageSent)
		links, _, _ := r.mailOf("dan")
		r.visit("GET", links[2], "")
		if got := r.status("dan"); got != tenant.SubscriberActive {
			t.Errorf("after an open: %s", got)
		}
		r.want("sends", r.events("SentEvent", "TriggeredSendDefinitionObjectID"), r.definition(), r.definition())
	})
}

func (r *reader) definition() string {
	d, err := r.Store.DefinitionByKey(context.Background(), sendertest.EID, sendertest.Top, "news")
	if err != nil {
		r.t.Fatal(err)
	}
	return d.ID
}

// A link can be asked for ever; the tenant keeps a hundred opens of a message.
func TestOpensOfAMessageAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		r := newReader(t, db, nil)
		r.news("n1", "fay", tenant.MessageSent)
		links, _, _ := r.mailOf("fay")
		for range tenant.MaxEvents + 5 {
			r.visit("GET", links[2], "")
		}
		if n := len(r.events("OpenEvent", "SubscriberKey")); n != tenant.MaxEvents {
			t.Errorf("%d opens are kept", n)
		}
	})
}
