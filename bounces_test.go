package twinspan_test

import (
	"net"
	"net/smtp"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/mail"
)

// Behind another mail server bounces come back to an address of their own domain: the report about a message ends with
// its subscriber, mail for anybody else is not taken.
func TestBouncesComeBackBehindAnotherServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other, err := mail.OpenInbox(mail.InboxOptions{Dir: t.TempDir(), Listener: listener})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bounces := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	conf := freePorts(t.TempDir())
	conf.SMTP, conf.BounceAddr, conf.BounceDomain = other.URL(), bounces, "bounce.example"
	r := start(t, conf).Ready()
	m := marketer(t, r)
	if _, err := m.SendMessage(bounded(t), "m1", engagement.Message{DefinitionKey: "welcome", ContactKey: "c1", To: "gone@customer.example"}); err != nil {
		t.Fatal(err)
	}
	sent, err := other.Wait(bounded(t), func(m mail.Mail) bool { return m.EnvelopeTo[0] == "gone@customer.example" })
	if err != nil || !strings.HasSuffix(sent.EnvelopeFrom, "@bounce.example") || strings.HasSuffix(sent.From, "@bounce.example>") {
		t.Fatalf("%+v, %v", sent, err)
	}
	report := []byte("Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n--B\r\nContent-Type: message/delivery-status\r\n\r\n" +
		"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; gone@customer.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no such user\r\n--B--\r\n")
	if err := smtp.SendMail(bounces, nil, "mailer-daemon@mx.example", []string{"gone@customer.example"}, report); err == nil || !strings.Contains(err.Error(), "No such mailbox here") {
		t.Errorf("mail for somebody else: %v", err)
	}
	if err := smtp.SendMail(bounces, nil, "mailer-daemon@mx.example", []string{sent.EnvelopeFrom}, report); err != nil {
		t.Fatal(err)
	}
	rows, err := m.Retrieve(bounded(t), engagement.RetrieveRequest{ObjectType: "Subscriber", Properties: []string{"Status"}, Filter: engagement.Equals("SubscriberKey", "c1")})
	if err != nil || len(rows) != 1 || rows[0].Value("Status") != "Bounced" {
		t.Errorf("the subscriber: %+v, %v", rows, err)
	}
}
