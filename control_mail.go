package twinspan

import (
	"context"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
)

// mailAnswer is a message of the inbox; lists leave the bodies out.
type mailAnswer struct {
	ID        string    `json:"id"`
	Received  time.Time `json:"received"`
	From      string    `json:"from"`
	To        []string  `json:"to"` // recipients of the envelope
	Subject   string    `json:"subject"`
	MessageID string    `json:"message_id"`
	Size      int64     `json:"size"`
	Text      string    `json:"text,omitempty"`
	HTML      string    `json:"html,omitempty"`

	Headers []mail.Header `json:"headers,omitempty"`
}

func mailOf(m mail.Mail) mailAnswer {
	return mailAnswer{ID: m.ID, Received: m.Received.UTC(), From: m.From, To: m.EnvelopeTo, Subject: m.Subject, MessageID: m.MessageID, Size: m.Size, Text: m.Text, HTML: m.HTML, Headers: m.Headers}
}

// maxWait bounds how long a list of mails waits for the first.
const maxWait = 25 * time.Second

func (c *control) mails(w http.ResponseWriter, r *http.Request) {
	if c.p.inbox == nil {
		c.refuse(w, noInbox())
		return
	}
	q := r.URL.Query()
	filter := mail.Filter{To: q.Get("to")}
	var wait time.Duration
	if text := q.Get("wait"); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 {
			c.refuse(w, fault.New(fault.Invalid, codeBadWait, "A duration is written as 30s.").In("wait"))
			return
		}
	}
	found := c.mailsAfter(filter, q.Get("after"))
	if wait > 0 && len(found) == 0 {
		ctx, cancel := c.ending(r.Context())
		defer cancel()
		ctx, expire := context.WithTimeout(ctx, min(wait, maxWait))
		defer expire()
		// The inbox is asked at each arrival; whether it is one for this caller, the list says.
		_, _ = c.p.inbox.Wait(ctx, func(mail.Mail) bool {
			found = c.mailsAfter(filter, q.Get("after"))
			return len(found) > 0
		})
	}
	c.answer(w, http.StatusOK, map[string][]mailAnswer{"messages": found})
}

// mailsAfter lists newest first. Ids grow with arrival.
func (c *control) mailsAfter(f mail.Filter, after string) []mailAnswer {
	list := c.p.inbox.List(f)
	out := make([]mailAnswer, 0, len(list))
	for i := len(list) - 1; i >= 0 && list[i].ID > after; i-- {
		out = append(out, mailOf(list[i]))
	}
	return out
}

func (c *control) mail(w http.ResponseWriter, r *http.Request) {
	if c.p.inbox == nil {
		c.refuse(w, noInbox())
		return
	}
	m, err := c.p.inbox.Get(r.PathValue("id"))
	if err != nil {
		c.refuse(w, err)
		return
	}
	c.answer(w, http.StatusOK, mailOf(m))
}

func noInbox() error {
	return fault.New(fault.NotFound, codeNoInbox, "The mail goes to the server of --smtp; there is no built-in inbox.")
}
