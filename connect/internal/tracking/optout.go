package tracking

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// personObject is the object of a contact's or lead's id; "" of another.
func personObject(id string) string {
	switch {
	case len(id) != 18 || strings.Trim(id, base62) != "":
		return ""
	case id[:3] == "003":
		return "Contact"
	case id[:3] == "00Q":
		return "Lead"
	}
	return ""
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// byObject sorts ids of people by their objects; others are left out.
func byObject(ids []string) map[string][]string {
	sorted := map[string][]string{}
	for _, id := range ids {
		if object := personObject(id); object != "" {
			sorted[object] = append(sorted[object], id)
		}
	}
	return sorted
}

// unsubscriptions gives those who unsubscribed in the tenant Email Opt Out in the org.
func (s *Service) unsubscriptions(ctx context.Context, l link.Link, from, to time.Time, sum *Summary) error {
	if from.IsZero() {
		from = beginning
	}
	return s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		return tenant.Unsubscribed(ctx, from, to, func(page []engagement.Subscriber) error {
			ids := make([]string, len(page))
			for i, p := range page {
				ids[i] = p.Key
			}
			return s.optOut(ctx, l, ids, sum)
		})
	})
}

// retryOptOuts tries those again whom the org refused to opt out, if they are still unsubscribed.
func (s *Service) retryOptOuts(ctx context.Context, l link.Link, sum *Summary) error {
	return s.due(ctx, l, WantOptOut, func(ids []string) error {
		still := map[string]bool{}
		err := s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
			found, err := tenant.UnsubscribedOf(ctx, ids)
			for _, p := range found {
				still[p.Key] = true
			}
			return err
		})
		if err != nil {
			return err
		}
		over := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return still[id] })
		if err := s.settle(ctx, l, WantOptOut, over, nil, sum); err != nil {
			return err
		}
		return s.optOut(ctx, l, slices.DeleteFunc(ids, func(id string) bool { return !still[id] }), sum)
	})
}

// optOut ticks Email Opt Out of those who do not have it yet. Who is gone is left alone.
func (s *Service) optOut(ctx context.Context, l link.Link, ids []string, sum *Summary) error {
	for object, ids := range byObject(ids) {
		for part := range slices.Chunk(ids, crm.MaxCollection) {
			taken, refused, done, err := s.optOutSome(ctx, l, object, part)
			if err != nil {
				return err
			}
			sum.OptedOut += done
			if err := s.settle(ctx, l, WantOptOut, taken, refused, sum); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) optOutSome(ctx context.Context, l link.Link, object string, ids []string) (taken []string, refused []Refusal, done int, err error) {
	err = s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		taken, refused, done = nil, nil, 0
		found, err := org.Query(ctx, "SELECT Id FROM "+object+" WHERE HasOptedOutOfEmail = false AND Id IN ('"+strings.Join(ids, "','")+"')")
		if err != nil {
			return err
		}
		open := map[string]bool{}
		records := make([]map[string]any, len(found))
		for i, r := range found {
			open[r.String("Id")] = true
			records[i] = map[string]any{"Id": r.String("Id"), "HasOptedOutOfEmail": true}
		}
		for _, id := range ids {
			if !open[id] {
				taken = append(taken, id)
			}
		}
		if len(records) == 0 {
			return nil
		}
		saved, err := org.UpdateRecords(ctx, object, records)
		for i, one := range saved {
			id := found[i].String("Id")
			if one.Err != nil {
				refused = append(refused, refuse(id, s.links.Now(l), one.Err))
				continue
			}
			taken = append(taken, id)
			done++
		}
		return err
	})
	return taken, refused, done, err
}

// optOuts unsubscribes those in the tenant who opted out in the org. They are read in the order of their ids, so that the
// pages hold together whatever changes meanwhile.
func (s *Service) optOuts(ctx context.Context, l link.Link, from, to time.Time, sum *Summary) error {
	const pageRows = 2000
	for _, object := range []string{"Contact", "Lead"} {
		for last := ""; ; {
			query := "SELECT Id, Email FROM " + object + " WHERE HasOptedOutOfEmail = true AND SystemModstamp < " + to.UTC().Format(stampFormat)
			if !from.IsZero() {
				query += " AND SystemModstamp >= " + from.UTC().Format(stampFormat)
			}
			if last != "" {
				query += " AND Id > '" + last + "'"
			}
			people, err := s.optedOut(ctx, l, object, query+" ORDER BY Id LIMIT 2000")
			if err != nil {
				return err
			}
			if err := s.unsubscribe(ctx, l, people, sum); err != nil {
				return err
			}
			if len(people) < pageRows {
				break
			}
			last = people[len(people)-1].Key
		}
	}
	return nil
}

// optedOut reads people of an object by a query for Id and Email.
func (s *Service) optedOut(ctx context.Context, l link.Link, object, query string) ([]engagement.Subscriber, error) {
	var people []engagement.Subscriber
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		found, err := org.Query(ctx, query)
		people = make([]engagement.Subscriber, 0, len(found))
		for _, r := range found {
			if personObject(r.String("Id")) != object {
				return fault.New(fault.Unavailable, client.CodeProtocol, "The org answered with records that are not of %s.", object)
			}
			people = append(people, engagement.Subscriber{Key: r.String("Id"), Address: r.String("Email")})
		}
		return err
	})
	return people, err
}

// retryUnsubscribe tries those again whom the tenant refused to unsubscribe, if they are still opted out.
func (s *Service) retryUnsubscribe(ctx context.Context, l link.Link, sum *Summary) error {
	return s.due(ctx, l, WantUnsubscribe, func(ids []string) error {
		over := map[string]bool{}
		for _, id := range ids {
			over[id] = true
		}
		var people []engagement.Subscriber
		for object, ids := range byObject(ids) {
			found, err := s.optedOut(ctx, l, object, "SELECT Id, Email FROM "+object+" WHERE HasOptedOutOfEmail = true AND Id IN ('"+strings.Join(ids, "','")+"')")
			if err != nil {
				return err
			}
			for _, p := range found {
				delete(over, p.Key)
			}
			people = append(people, found...)
		}
		if err := s.settle(ctx, l, WantUnsubscribe, slices.DeleteFunc(ids, func(id string) bool { return !over[id] }), nil, sum); err != nil {
			return err
		}
		return s.unsubscribe(ctx, l, people, sum)
	})
}

// unsubscribe unsubscribes people. One whom the tenant cannot take, for having no address, is nobody whom it could mail.
func (s *Service) unsubscribe(ctx context.Context, l link.Link, people []engagement.Subscriber, sum *Summary) error {
	for part := range slices.Chunk(people, engagement.MaxObjects) {
		var answers []error
		err := s.links.CallTenant(ctx, l, func(tenant *engagement.Session) (err error) {
			answers, err = tenant.Unsubscribe(ctx, part)
			return err
		})
		if err != nil {
			return err
		}
		var taken []string
		var refused []Refusal
		for i, answer := range answers {
			switch {
			case answer != nil && part[i].Address != "":
				refused = append(refused, refuse(part[i].Key, s.links.Now(l), answer))
				continue
			case answer == nil:
				sum.Unsubscribed++
			}
			taken = append(taken, part[i].Key)
		}
		if err := s.settle(ctx, l, WantUnsubscribe, taken, refused, sum); err != nil {
			return err
		}
	}
	return nil
}
