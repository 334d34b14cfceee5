package workbench_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/mail"
)

// gets sends a letter to the inbox and returns its id.
func (b *bench) gets(t *testing.T, m mail.Message) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m.From = mail.Address{Name: "The org", Email: "noreply@org.test"}
	if m.To.Email == "" {
		m.To.Email = "ann@example.test"
	}
	if m.MessageID == "" {
		m.MessageID = fmt.Sprintf("m%d@org.test", len(b.inbox.List(mail.Filter{})))
	}
	if err := b.sender.Send(ctx, m); err != nil {
		t.Fatal(err)
	}
	list := b.inbox.List(mail.Filter{})
	return list[len(list)-1].ID
}

const hostile = `<script>alert(1)</script>`

// A person in a test finds the letter that he waits for, its code and its link.
func TestALetter(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	b.Open("/workbench/inbox").Sees("Letters: no letters yet")
	id := b.gets(t, mail.Message{
		Subject: "Verify your identity " + hostile, Text: "Hi,\n\nVerification Code: 48213\n\nor open " + b.url + "/reset?x=1&y=2.\n" + hostile,
		HTML:    `<p style="color:red">Hi ` + hostile + ` <a href="` + b.url + `/reset?x=1&amp;y=2">again</a> <a href="https://help.test/a"><b>the</b> help</a> <a href="javascript:alert(1)">no</a></p>`,
		Headers: map[string]string{"X-Job": "7"},
	})
	b.gets(t, mail.Message{Subject: "Another", Text: "Your order of 12345 is on its way", To: mail.Address{Email: "bob@example.test"}})
	b.Open("/workbench/inbox").Sees("Another", "Verify your identity "+hostile, "bob@example.test")
	b.Fill("Search letters", "ANN verify").Press("Search").Sees("Verify your identity").SeesNot("Another")
	if b.Value("Search letters") != "ANN verify" {
		t.Error("what was searched for went away")
	}
	b.Fill("Search letters", "nothing like it").Press("Search").Sees("no letter has these words")
	b.Open("/workbench/inbox?q=verify").Click("Verify your identity " + hostile)
	b.Sees("The org", "ann@example.test", "Code 48213", "the help (help.test)", "X-Job: 7", "Subject: Verify", "<p style=")
	b.SeesNot("no (")
	if strings.Count(b.Text(), "javascript:") != 1 { // in the source of the HTML
		t.Errorf("a script as a link:\n%s", b.Text())
	}
	b.Click("Look at its HTML as a reader would")
	if policy := b.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "sandbox") || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script") {
		t.Errorf("the letter's HTML goes out under %q", policy)
	}
	b.Open("/workbench/inbox/" + id).Click("Save the letter as it came (.eml)")
	if h := b.Header(); h.Get("Content-Type") != "message/rfc822" || !strings.Contains(h.Get("Content-Disposition"), id+".eml") {
		t.Errorf("the file: %v", h)
	}
	b.Open("/workbench/inbox/" + id).Click(b.url + "/reset?x=1&y=2") // the stop at the sentence's end is not part of it
	if !strings.HasSuffix(b.At(), "/reset?x=1&y=2") {
		t.Errorf("the link led to %s", b.At())
	}
	b.Open("/workbench/inbox?q=another").Click("Another").SeesNot("Code", "Links in the letter")
	b.Open(strings.TrimSuffix(b.At(), "/download") + "/html").Sees("The letter has no HTML.")
	b.Open("/workbench/inbox/000000000099").Sees("There is no such mail.")
	if b.Status() != http.StatusNotFound {
		t.Errorf("status %d", b.Status())
	}
}

// Letters stand on pages of 50, the newest first, and a letter that comes meanwhile moves none of them.
func TestManyLetters(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	for i := range 103 {
		b.gets(t, mail.Message{Subject: fmt.Sprintf("letter %03d", i), Text: "x"})
	}
	b.Open("/workbench/inbox").Sees("1 to 50 of 103", "letter 102", "letter 053").SeesNot("letter 052")
	b.gets(t, mail.Message{Subject: "letter 103", Text: "x"})
	b.Click("Next").Sees("52 to 101 of 104", "letter 052", "letter 003").SeesNot("letter 053", "letter 002")
	b.Click("Next").Sees("102 to 104 of 104", "letter 002", "letter 000")
	b.Click("Previous").Sees("letter 052", "letter 003")
	b.Click("Previous").Sees("letter 102", "letter 053").Click("Previous").Sees("1 to 50 of 104", "letter 103")
	b.Open("/workbench/inbox?q=" + strings.Repeat("x", 300)).Sees("at most")
}

// Where the mail goes elsewhere the page says so.
func TestNoInbox(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := b.options()
	o.Inbox = nil
	b.mount(t, o)
	b.Open("/workbench/inbox").Fill("Control token", programToken).Press("Sign in").Sees("There is no inbox here")
	b.Open("/workbench/inbox/000000000001").Sees("there is no built-in inbox")
}
