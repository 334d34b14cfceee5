package soapapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// createList makes a list.
func (s *Server) createList(ctx context.Context, c objectCall) (result, error) {
	l := tenant.List{Key: strings.TrimSpace(c.el.Value("CustomerKey"))}
	readList(c.el, &l)
	l, err := s.o.Lists.Create(ctx, c.p, l)
	return result{message: "Created List.", newID: l.ID, newObject: l.ObjectID}, err
}

// updateList changes a list.
func (s *Server) updateList(ctx context.Context, c objectCall) (result, error) {
	ref, err := listRef(c.el)
	if err != nil {
		return result{}, err
	}
	l, err := s.o.Lists.Update(ctx, c.p, ref, func(l *tenant.List) { readList(c.el, l) })
	return result{message: "Updated List.", objectID: l.ID}, err
}

// deleteList takes a list away.
func (s *Server) deleteList(ctx context.Context, c objectCall) (result, error) {
	ref, err := listRef(c.el)
	if err != nil {
		return result{}, err
	}
	l, err := s.o.Lists.Delete(ctx, c.p, ref)
	return result{message: "List deleted", objectID: l.ID}, err
}

func readList(el *soap.Element, l *tenant.List) {
	for name, to := range map[string]*string{"ListName": &l.Name, "Description": &l.Description, "Type": &l.Type} {
		if text := optional(el, name); text != nil {
			*to = *text
		}
	}
}

// number is the number of a member; 0 where it is missing or empty.
func number(el *soap.Element, path ...string) (int64, error) {
	text := strings.TrimSpace(el.Value(path...))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, codeNotANumber, "%s is not a number.", strings.Join(path, ".")).In(path[0])
	}
	return n, nil
}

// codeNotANumber is the fault of a text where a number should be.
const codeNotANumber fault.Code = "not_a_number"

func listRef(el *soap.Element) (tenant.ListRef, error) {
	id, err := number(el, "ID")
	return tenant.ListRef{ID: id, ObjectID: strings.TrimSpace(el.Value("ObjectID")), Key: strings.TrimSpace(el.Value("CustomerKey"))}, err
}

// readMembers reads the Lists of a subscriber. Without an Action a list is joined; fresh demands that it is a new one.
func readMembers(el *soap.Element, fresh bool) ([]tenant.MemberChange, error) {
	var list []tenant.MemberChange
	for _, l := range el.All("Lists") {
		id, err := number(l, "ID")
		if err != nil {
			return nil, err
		}
		if id == 0 {
			return nil, fault.New(fault.Invalid, tenant.CodeInvalidSubscriber, "A list is named by its ID.").In("Lists")
		}
		m := tenant.MemberChange{List: id, Status: tenant.SubscriberStatus(l.Value("Status"))}
		switch action := strings.ToLower(strings.TrimSpace(l.Value("Action"))); action {
		case "", "create", "upsert":
			m.Fresh = fresh && action != "upsert"
		case "update":
		case "delete", "deactivate":
			m.Remove = true
		default:
			return nil, fault.New(fault.Invalid, tenant.CodeInvalidSubscriber, "There is no action %q for a list.", clip(action)).In("Lists")
		}
		list = append(list, m)
	}
	return list, nil
}
