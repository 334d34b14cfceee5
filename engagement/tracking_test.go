package engagement_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// A bounce that comes by mail is seen by SOAP, and links in messages outlive the process that made them.
func TestMessagesReportBackAcrossARestart(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			v, err := vault.Open(filepath.Join(t.TempDir(), "keys.json"))
			if err != nil {
				t.Fatal(err)
			}
			dsn := sqldbtest.DSN(t, kind)
			s := startWith(t, engagement.Options{DSN: dsn, Vault: v, Bounces: true})
			h := spec()
			h.Spec.Emails[0].HTML = `<a href="%%unsub_center_url%%">leave</a>`
			if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
				t.Fatal(err)
			}
			token := s.token(t, h)
			status, a := call(t, "POST", s.url+"/messaging/v1/email/messages/m1", token,
				map[string]any{"definitionKey": "welcome", "recipient": map[string]any{"contactKey": "c1", "to": "ann@example.com"}})
			if status != 202 {
				t.Fatalf("sending: %d %v", status, a)
			}
			var m mail.Message
			select {
			case m = <-s.mail:
			case <-time.After(30 * time.Second):
				t.Fatal("no mail")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}

			s = startWith(t, engagement.Options{DSN: dsn, Vault: v, Bounces: true})
			token = s.token(t, h)
			report := "Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n--B\r\nContent-Type: message/delivery-status\r\n\r\n" +
				"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ann@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n--B--\r\n"
			if err := s.TakeMail(t.Context(), []string{"somebody@else.example", m.ReturnPath}, []byte(report)); err != nil {
				t.Fatal(err)
			}
			if err := s.TakeMail(t.Context(), []string{m.ReturnPath}, []byte("Subject: I am away\r\n\r\nBack on Monday.\r\n")); err != nil {
				t.Fatal(err)
			}
			got := s.retrieve(t, token, "BounceEvent", "SubscriberKey", "SMTPCode", "BounceCategory", "SMTPReason")
			for _, want := range []string{"<SubscriberKey>c1</SubscriberKey>", "<SMTPCode>5.1.1</SMTPCode>", "<BounceCategory>Hard bounce</BounceCategory>", "<SMTPReason>550 no such user</SMTPReason>"} {
				if strings.Count(got, want) != 1 {
					t.Errorf("%s in %s", want, got)
				}
			}
			if got := s.retrieve(t, token, "Subscriber", "Status"); !strings.Contains(got, "<Status>Bounced</Status>") {
				t.Errorf("the subscriber: %s", got)
			}

			link := regexp.MustCompile(`href="http://[^/]+(/t/u/[a-z2-7]+)"`).FindStringSubmatch(m.HTML)
			if link == nil {
				t.Fatalf("no link in %s", m.HTML)
			}
			if status, _, page := s.raw(t, http.MethodGet, link[1], nil, ""); status != 200 || !strings.Contains(page, "ann@example.com") {
				t.Errorf("asking: %d %s", status, page)
			}
			if status, header, _ := s.raw(t, http.MethodPost, link[1], nil, ""); status != 200 || header.Get("Cache-Control") != "no-store" {
				t.Errorf("unsubscribing: %d %v", status, header)
			}
			if got := s.retrieve(t, token, "UnsubEvent", "SubscriberKey", "EventType"); !strings.Contains(got, "<EventType>Unsubscribe</EventType>") {
				t.Errorf("the event: %s", got)
			}
			if status, _, page := s.raw(t, http.MethodPost, "/t/u/"+strings.Repeat("a", 64), nil, ""); status != 404 || strings.Contains(page, "ann@") {
				t.Errorf("a forged link: %d %s", status, page)
			}
		})
	}
}

// retrieve answers a SOAP Retrieve.
func (s site) retrieve(t *testing.T, token, object string, properties ...string) string {
	t.Helper()
	body := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header><fueloauth xmlns="http://exacttarget.com">` + token + `</fueloauth></Header><Body>` +
		`<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>` + object + `</ObjectType><Properties>` +
		strings.Join(properties, "</Properties><Properties>") + `</Properties></RetrieveRequest></RetrieveRequestMsg></Body></Envelope>`
	status, _, answer := s.raw(t, http.MethodPost, "/Service.asmx", map[string]string{"Content-Type": "text/xml", "Soapaction": "Retrieve"}, body)
	if status != 200 || !strings.Contains(answer, "<OverallStatus>OK</OverallStatus>") {
		t.Fatalf("%s: %d %s", object, status, answer)
	}
	return answer
}
