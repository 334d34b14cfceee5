package notice_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/notice"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// spent says that some percent of the org's limit of 1000 are used, with thresholds at 80 and 95; less than 0 is an org that
// does not tell.
type spent struct {
	percent int64
	looks   int
}

func (s *spent) Watch(context.Context, link.Link) (all []usage.Crossing, told bool, err error) {
	s.looks++
	for _, threshold := range []int64{95, 80} {
		if s.percent >= threshold {
			all = append(all, usage.Crossing{Of: usage.OrgLimit, Threshold: threshold, Used: 10 * s.percent, Max: 1000})
		}
	}
	return all, s.percent >= 0, nil
}

type outbox struct {
	down bool
	took []mail.Message
}

func (o *outbox) Send(_ context.Context, m mail.Message) error {
	if o.down {
		return fault.New(fault.Unavailable, mail.CodeDeferred, "later")
	}
	o.took = append(o.took, m)
	return nil
}

// TestUse: each time that use reaches a threshold one mail says so, of the highest where it reaches several at once; nobody
// is told again before it was below, and what is not known is taken for nothing.
func TestUse(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		store := sqlstore.New(db)
		v := linktest.PutKeys(t, store)
		l := linktest.Put(t, store, linktest.Pair, 1)
		now := time.Now()
		machine := func() time.Time { return now }
		links := link.NewService(store, link.NewKeyring(store, v), http.DefaultClient, machine)
		used, box := &spent{}, &outbox{}
		s := notice.NewService(notice.Options{Store: store, Links: links, Accounts: integration.NewService(store, links, v), Spent: used, Sender: box, BaseURL: "http://connect.example", Machine: machine})
		look := func(percent int64, wait time.Duration) {
			t.Helper()
			used.percent, now = percent, now.Add(wait)
			if err := s.Look(ctx, l); err != nil && !box.down {
				t.Fatal(err)
			}
		}
		look(97, time.Hour) // nobody wants to know
		if used.looks != 0 {
			t.Fatal("the org was asked for nobody")
		}
		if err := s.SetRecipients(ctx, l, []string{"olga@admin.example"}, "olga"); err != nil {
			t.Fatal(err)
		}
		for n, step := range []struct {
			percent int64
			wait    time.Duration
			down    bool
			subject string // of the mail that it brings
		}{
			{50, time.Hour, false, ""},
			{82, time.Minute, false, ""}, // too early to look
			{82, time.Hour, false, "The org has used 80% of its API requests"},
			{84, time.Hour, false, ""},
			{97, time.Hour, false, "The org has used 95% of its API requests"},
			{-1, time.Hour, false, ""},
			{97, time.Minute, false, ""},
			{97, time.Hour, false, ""},
			{85, time.Hour, false, ""},
			{96, time.Hour, false, "The org has used 95% of its API requests"},
			{10, time.Hour, false, ""},
			{99, time.Hour, true, ""},
			{99, time.Hour, false, "The org has used 95% of its API requests"},
			{90, time.Hour, false, ""},
			{79, time.Hour, false, ""},
			{80, time.Hour, false, "The org has used 80% of its API requests"},
		} {
			box.down, box.took = step.down, nil
			look(step.percent, step.wait)
			switch {
			case step.subject == "" && len(box.took) > 0:
				t.Errorf("step %d, %d%%: mailed %q", n, step.percent, box.took[0].Subject)
			case step.subject != "" && (len(box.took) != 1 || box.took[0].Subject != step.subject):
				t.Errorf("step %d, %d%%: mailed %+v, want %q", n, step.percent, box.took, step.subject)
			case step.subject != "" && (box.took[0].To.Email != "olga@admin.example" || !strings.Contains(box.took[0].Text, " of 1000 requests in the last 24 hours")):
				t.Errorf("step %d: %+v", n, box.took[0])
			}
		}
	})
}
