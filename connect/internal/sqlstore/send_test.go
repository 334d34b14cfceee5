package sqlstore_test

import (
	"fmt"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// A triggered send that completed is found behind any number of newer ones that wait for the end of the outage or did not go out.
func TestSendsSince(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		s := sqlstore.New(db)
		linktest.Put(t, s, "a", 1)
		n := 0
		add := func(status send.Status, at int, record string) string {
			t.Helper()
			n++
			key := fmt.Sprintf("%040x", n)
			if _, _, err := s.AddSend(t.Context(), send.Send{
				Pair: "a", MessageKey: key, DefinitionKey: "welcome", ContactID: record, Recipient: "a@x.example", Status: status, CreatedAt: linktest.At(at), UpdatedAt: linktest.At(at),
			}); err != nil {
				t.Fatal(err)
			}
			return key
		}
		const contact, lead, user = "003000000000001AAA", "00Q000000000001AAA", "005000000000001AAA"
		add(send.Sent, 5, contact) // before
		first := add(send.Sent, 10, contact)
		sent := add(send.Sent, 11, lead)
		doubt := add(send.InDoubt, 12, contact)
		for i := range 12 {
			add(send.Held, 20+i, contact)
		}
		add(send.Refused, 40, contact)
		add(send.Sent, 41, user)
		accepted := add(send.Accepted, 42, contact)
		for _, c := range []struct {
			limit int
			want  []string
		}{{10, []string{sent, accepted, doubt}}, {2, []string{sent, accepted}}, {1, []string{sent}}} {
			all, err := s.SendsSince(t.Context(), "a", linktest.At(10), c.limit)
			var got []string
			for _, one := range all {
				got = append(got, one.MessageKey)
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%d: %v, %v, want %v (the older one sent is %s)", c.limit, got, err, c.want, first)
			}
		}
	})
}
