package soapapi

import (
	"context"
	"errors"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// createSubscriber puts a subscriber on All Subscribers; with SaveAction UpdateAdd a known one is updated.
func (s *Server) createSubscriber(ctx context.Context, c objectCall) (result, error) {
	change, err := readSubscriber(c.p, c.el)
	if err != nil {
		return result{}, err
	}
	sub, err := s.o.Subscribers.Create(ctx, c.p, change)
	if err == nil {
		return result{message: "Created Subscriber.", newID: sub.ID}, nil
	}
	if c.upsert && fault.CodeOf(err) == tenant.CodeSubscriberExists {
		updated, err := s.o.Subscribers.Update(ctx, c.p, change)
		return result{message: "Updated Subscriber.", newID: updated.ID}, err
	}
	return result{}, err
}

// updateSubscriber changes a subscriber.
func (s *Server) updateSubscriber(ctx context.Context, c objectCall) (result, error) {
	change, err := readSubscriber(c.p, c.el)
	if err != nil {
		return result{}, err
	}
	_, err = s.o.Subscribers.Update(ctx, c.p, change)
	return result{message: "Updated Subscriber."}, err
}

// deleteSubscriber takes a subscriber off the list.
func (s *Server) deleteSubscriber(ctx context.Context, c objectCall) (result, error) {
	key := c.el.Value("SubscriberKey")
	if key == "" {
		key = c.el.Value("EmailAddress")
	}
	return result{message: "Subscriber deleted"}, s.o.Subscribers.Delete(ctx, c.p, key)
}

// errOtherList refuses what would otherwise be lost in silence: membership of lists that do not exist here.
var errOtherList = errors.New("there is no list but All Subscribers")

// readSubscriber reads a Subscriber object.
func readSubscriber(p tenant.Principal, el *soap.Element) (tenant.SubscriberChange, error) {
	c := tenant.SubscriberChange{
		Key: el.Value("SubscriberKey"), Address: el.Value("EmailAddress"), Status: tenant.SubscriberStatus(el.Value("Status")),
	}
	for _, list := range el.All("Lists") {
		if id := list.Value("ID"); id != strconv.FormatInt(int64(p.Tenant), 10) {
			return c, fault.Wrap(errOtherList, fault.Invalid, tenant.CodeInvalidSubscriber, "The list does not exist.").In("Lists")
		}
	}
	var err error
	c.Attributes, err = readAttributes(el)
	return c, err
}
