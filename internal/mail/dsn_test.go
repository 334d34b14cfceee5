package mail_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
)

// report is a notification as mail servers write them (RFC 3464 appendix E).
const report = "From: MAILER-DAEMON@mx.example\r\nTo: b-abc@trail.example\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\r\n\r\n" +
	"--B\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n" +
	"--B\r\nContent-Type: message/delivery-status\r\n\r\n" +
	"Reporting-MTA: dns; mx.example\r\n\r\n" +
	"Final-Recipient: rfc822; ada@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 No such\r\n user here\r\n" +
	"--B\r\nContent-Type: message/rfc822\r\n\r\nSubject: Hi\r\n\r\nHi\r\n--B--\r\n"

func TestParseReport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		want mail.Rejection
		ok   bool
	}{
		"failed":       {report, mail.Rejection{Code: "5.1.1", Reason: "550 5.1.1 No such user here"}, true},
		"no status":    {strings.Replace(report, "Status: 5.1.1", "X: y", 1), mail.Rejection{Code: "5.0.0", Reason: "550 5.1.1 No such user here"}, true},
		"given up":     {strings.Replace(report, "Status: 5.1.1", "Status: 4.4.7 (expired)", 1), mail.Rejection{Code: "4.4.7", Reason: "550 5.1.1 No such user here"}, true},
		"delayed":      {strings.Replace(report, "Action: failed", "Action: delayed", 1), mail.Rejection{}, false},
		"delivered":    {strings.Replace(report, "Action: failed", "Action: delivered", 1), mail.Rejection{}, false},
		"other report": {strings.Replace(report, "delivery-status;", "disposition-notification;", 1), mail.Rejection{}, false},
		"a person":     {"From: ada@example.com\r\nSubject: Away\r\n\r\nAction: failed\r\n", mail.Rejection{}, false},
		"cut off":      {report[:300], mail.Rejection{}, false},
		"nothing":      {"", mail.Rejection{}, false},
	} {
		got, ok := mail.ParseReport([]byte(c.data))
		if got != c.want || ok != c.ok {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add([]byte(report))
	f.Add([]byte(report[:400]))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, ok := mail.ParseReport(data); ok && (len(r.Code) < 5 || r.Code[1] != '.') {
			t.Errorf("code %q", r.Code)
		}
	})
}

// What a server says of the recipient is told apart from what it says of us.
func TestRejectionOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers map[string]string
		want    string
	}{
		"no such user":      {map[string]string{"RCPT": "550 5.1.1 no such user"}, "5.1.1"},
		"without digits":    {map[string]string{"RCPT": "550 no such user"}, "550"},
		"greylisted":        {map[string]string{"RCPT": "451 4.7.1 later"}, "4.7.1"},
		"text refused":      {map[string]string{"dot": "554 no"}, "5.6.0"},
		"sender refused":    {map[string]string{"MAIL": "550 5.7.1 not you"}, ""},
		"connection broken": {map[string]string{"dot": "hang up"}, ""},
		"not welcome":       {map[string]string{"connect": "554 go away"}, ""},
	} {
		s := newSender(t, server(t, c.answers))
		err := send(t, s, message())
		r, ok := mail.RejectionOf(err)
		if err == nil || ok != (c.want != "") || r.Code != c.want {
			t.Errorf("%s: %+v, %v of %v (%s)", name, r, ok, err, fault.CodeOf(err))
		}
		if ok && r.Reason == "" {
			t.Errorf("%s: no reason", name)
		}
		for _, said := range c.answers {
			if f := fault.Of(err); said != "hang up" && c.answers["connect"] == "" && !strings.HasSuffix(f.Message, ": "+said+".") {
				t.Errorf("%s: %s", name, f.Message)
			}
		}
	}
}
