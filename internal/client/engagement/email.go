package engagement

import (
	"context"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/internal/soap"
)

// NewEmail is an email to be made (engagement-wire 3, the object Email). At least one of HTML and Text is not "".
type NewEmail struct {
	Key     string // CustomerKey, by which definitions name it
	Name    string
	Subject string // may be personalised: "Welcome, %%First Name%%"
	HTML    string // body of the HTML version; "" for none
	Text    string // body of the text version; "" for none
}

// CreateEmail makes an email in the token's business unit. A key that is taken is a refusal.
func (s *Session) CreateEmail(ctx context.Context, e NewEmail) error {
	return s.writeObject(ctx, "Create", "Email", func(w *soap.Writer) {
		w.Text("CustomerKey", e.Key)
		w.Text("Name", e.Name)
		w.Text("Subject", e.Subject)
		for _, body := range []struct{ name, text string }{{"HTMLBody", e.HTML}, {"TextBody", e.Text}} {
			if body.text != "" {
				w.Text(body.name, body.text)
			}
		}
	})
}

// Email is an email of the token's business unit, without its bodies.
type Email struct {
	ID      int64  `json:"id"`
	Key     string `json:"customer_key"`
	Name    string `json:"name"`
	Subject string `json:"subject"`
}

// Emails lists the emails of the token's business unit.
func (s *Session) Emails(ctx context.Context) ([]Email, error) {
	all := []Email{}
	err := s.retrieveEach(ctx, RetrieveRequest{ObjectType: "Email", Properties: []string{"ID", "CustomerKey", "Name", "Subject"}}, func(page []*soap.Element) error {
		for _, e := range page {
			id, err := strconv.ParseInt(e.Value("ID"), 10, 64)
			if err != nil {
				return s.c.call.Protocol(http.StatusOK, "the id of an email is no number")
			}
			all = append(all, Email{ID: id, Key: e.Value("CustomerKey"), Name: e.Value("Name"), Subject: e.Value("Subject")})
		}
		return nil
	})
	return all, err
}
