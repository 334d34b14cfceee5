package soapapi

import (
	"context"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// createSubscriber puts a subscriber on All Subscribers and on the lists that the object names. A known one is put on
// those lists alone, unless he is on one of them already; with SaveAction UpdateAdd he is updated.
func (s *Server) createSubscriber(ctx context.Context, c objectCall) (result, error) {
	change, standing, members, err := s.readSubscriber(ctx, c, !c.upsert)
	if err != nil {
		return result{}, err
	}
	message := "Created Subscriber."
	sub, err := s.o.Subscribers.Create(ctx, c.p, change)
	if fault.CodeOf(err) == tenant.CodeSubscriberExists {
		switch {
		case c.upsert:
			message = "Updated Subscriber."
			sub, err = s.o.Subscribers.Update(ctx, c.p, change)
		case others(c.p, members) && standing != "":
			sub, err = s.o.Subscribers.Update(ctx, c.p, tenant.SubscriberChange{Key: keyOf(change), Status: standing})
		case others(c.p, members):
			sub, err = s.o.Subscribers.Get(ctx, c.p, keyOf(change))
		}
	}
	if err != nil {
		return result{}, err
	}
	return result{message: message, newID: sub.ID}, s.o.Lists.SetMembers(ctx, c.p, sub.ID, members)
}

// others reports whether a list is named beside All Subscribers.
func others(p tenant.Principal, members []tenant.MemberChange) bool {
	for _, m := range members {
		if m.List != int64(p.Tenant) {
			return true
		}
	}
	return false
}

func keyOf(c tenant.SubscriberChange) string {
	if c.Key != "" {
		return c.Key
	}
	return c.Address
}

// updateSubscriber changes a subscriber; with SaveAction UpdateAdd one that is not there is made.
func (s *Server) updateSubscriber(ctx context.Context, c objectCall) (result, error) {
	change, _, members, err := s.readSubscriber(ctx, c, false)
	if err != nil {
		return result{}, err
	}
	message := "Updated Subscriber."
	sub, err := s.o.Subscribers.Update(ctx, c.p, change)
	if c.upsert && fault.CodeOf(err) == tenant.CodeNoSubscriber {
		message = "Created Subscriber."
		sub, err = s.o.Subscribers.Create(ctx, c.p, change)
	}
	if err != nil {
		return result{}, err
	}
	return result{message: message}, s.o.Lists.SetMembers(ctx, c.p, sub.ID, members)
}

// deleteSubscriber takes a subscriber off all lists.
func (s *Server) deleteSubscriber(ctx context.Context, c objectCall) (result, error) {
	key := c.el.Value("SubscriberKey")
	if key == "" {
		key = c.el.Value("EmailAddress")
	}
	return result{message: "Subscriber deleted"}, s.o.Subscribers.Delete(ctx, c.p, key)
}

// readSubscriber reads a Subscriber object and checks the lists that it names. Its status is also what Lists says of All
// Subscribers, which is told by itself as standing, "" for nothing.
func (s *Server) readSubscriber(ctx context.Context, c objectCall, fresh bool) (change tenant.SubscriberChange, standing tenant.SubscriberStatus, members []tenant.MemberChange, err error) {
	if change, err = readSubscriber(c.el); err != nil {
		return change, "", nil, err
	}
	if members, err = readMembers(c.el, fresh); err != nil {
		return change, "", nil, err
	}
	if err = s.o.Lists.CheckMembers(ctx, c.p, members); err != nil {
		return change, "", nil, err
	}
	if standing, err = tenant.Standing(c.p.Tenant, members); err != nil {
		return change, "", nil, err
	}
	if standing != "" {
		if change.Status != "" && change.Status != standing {
			return change, "", nil, fault.New(fault.Invalid, tenant.CodeInvalidSubscriber, "Status and the status on All Subscribers differ.").In("Status")
		}
		change.Status = standing
	}
	return change, standing, members, nil
}

func readSubscriber(el *soap.Element) (tenant.SubscriberChange, error) {
	c := tenant.SubscriberChange{
		Key: el.Value("SubscriberKey"), Address: el.Value("EmailAddress"), Status: tenant.SubscriberStatus(el.Value("Status")),
	}
	var err error
	c.Attributes, err = readAttributes(el)
	return c, err
}
