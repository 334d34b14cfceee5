package soapapi_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// What Lists says of All Subscribers is the subscriber's own status: who is unsubscribed so gets no mail, and nothing
// that cannot be done is answered OK (engagement-wire 3, Subscriber).
func TestStandingOnAllSubscribers(t *testing.T) {
	t.Parallel()
	k := idle(t)
	server := k.Serve()
	lists := func(inner string) string { return `<Lists><ID>510000001</ID>` + inner + `</Lists>` }
	made := call(t, server, "Create", message("Create", "", object("List", `<CustomerKey>n</CustomerKey><ListName>News</ListName>`)))
	_, news, _ := strings.Cut(made, "<NewID>")
	news, _, _ = strings.Cut(news, "<")
	onNews := func(inner string) string { return `<Lists><ID>` + news + `</ID>` + inner + `</Lists>` }
	for _, c := range []struct {
		operation, inner, want string
		status                 tenant.SubscriberStatus
		onList                 string // standing on the list "News"
	}{
		{"Create", onNews(""), "Created Subscriber.", tenant.SubscriberActive, "Active"},
		{"Update", lists(`<Status>Unsubscribed</Status>`), "Updated Subscriber.", tenant.SubscriberUnsubscribed, "Active"},
		{"Update", lists(``), "Updated Subscriber.", tenant.SubscriberUnsubscribed, "Active"},
		{"Update", lists(`<Status>Active</Status>`), "Updated Subscriber.", tenant.SubscriberActive, "Active"},
		{"Update", lists(`<Action>delete</Action>`), "not taken off All Subscribers", tenant.SubscriberActive, "Active"},
		{"Update", `<Status>Active</Status>` + lists(`<Status>Held</Status>`), "differ", tenant.SubscriberActive, "Active"},
		{"Update", lists(`<Status>Active</Status>`) + lists(`<Status>Held</Status>`), "two statuses", tenant.SubscriberActive, "Active"},
		{"Update", onNews(`<Status>Unsubscribed</Status>`), "Updated Subscriber.", tenant.SubscriberActive, "Unsubscribed"},
		{"Update", onNews(""), "Updated Subscriber.", tenant.SubscriberActive, "Unsubscribed"}, // who said no is not put back by an address
		{"Create", onNews(`<Action>upsert</Action><Status>Active</Status>`) + lists(`<Status>Unsubscribed</Status>`), "Created Subscriber.", tenant.SubscriberUnsubscribed, "Active"},
	} {
		text := call(t, server, c.operation, message(c.operation, "", object("Subscriber", `<SubscriberKey>s</SubscriberKey><EmailAddress>s@example.com</EmailAddress>`+c.inner)))
		if !strings.Contains(text, c.want) {
			t.Errorf("%s %s: %s is missing in\n%s", c.operation, c.inner, c.want, text)
		}
		if sub, err := k.Store.SubscriberByKey(t.Context(), sendertest.EID, "s"); err != nil || sub.Status != c.status || sub.Unsubscribed.IsZero() && c.status == tenant.SubscriberUnsubscribed {
			t.Errorf("%s %s: %+v, %v", c.operation, c.inner, sub, err)
		}
		if on, _ := retrieve(t, server, "good", "ListSubscriber", "Status", filter("ListID", "equals", news)); strings.Join(on, ",") != c.onList {
			t.Errorf("%s %s: on the list he is %v", c.operation, c.inner, on)
		}
	}
}
