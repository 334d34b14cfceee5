package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// Contacts are the tenant's subscribers: a contact key is a subscriber key.

// contactBody is the body of a contact (engagement-wire 4).
type contactBody struct {
	ContactKey string `json:"contactKey"`
	Sets       []struct {
		Name  string `json:"name"`
		Items []struct {
			Values []struct {
				Name  string          `json:"name"`
				Value json.RawMessage `json:"value"`
			} `json:"values"`
		} `json:"items"`
	} `json:"attributeSets"`
}

// The names of the set and attributes that every account has.
const (
	emailAddresses = "Email Addresses"
	emailAddress   = "Email Address"
	htmlEnabled    = "HTML Enabled"
	profile        = "Email Demographics" // holds the profile attributes
)

// change reads the contact. Sets and attributes that there are not are refused, so that nothing is lost in silence.
func (b contactBody) change() (tenant.SubscriberChange, error) {
	c := tenant.SubscriberChange{Key: b.ContactKey, Attributes: map[string]string{}}
	if b.ContactKey == "" {
		return c, missing("contactKey")
	}
	for _, set := range b.Sets {
		known := strings.EqualFold(set.Name, emailAddresses)
		if !known && !strings.EqualFold(set.Name, profile) {
			return c, fault.New(fault.Invalid, codeValue, "There is no attribute set %q.", clip(set.Name)).In("attributeSets")
		}
		if len(set.Items) > 1 {
			return c, fault.New(fault.Invalid, codeValue, "A contact has one item of %s.", set.Name).In("attributeSets")
		}
		for _, item := range set.Items {
			for _, v := range item.Values {
				row, err := scalars(map[string]json.RawMessage{v.Name: orNull(v.Value)})
				if err != nil {
					return c, err
				}
				value := ""
				if row[v.Name] != nil {
					value = *row[v.Name]
				}
				switch {
				case !known:
					c.Attributes[v.Name] = value
				case strings.EqualFold(v.Name, emailAddress):
					c.Address = value
				case strings.EqualFold(v.Name, htmlEnabled): // every subscriber takes HTML
				default:
					return c, fault.New(fault.Invalid, codeValue, "There is no attribute %q in %s.", clip(v.Name), emailAddresses).In("attributeSets")
				}
			}
		}
	}
	return c, nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// createContact is POST /contacts/v1/contacts: a new contact, or a change of the one that has the key.
func (s *Server) createContact(ctx context.Context, r request) (int, any, error) {
	c, err := readContact(r)
	if err != nil {
		return 0, nil, err
	}
	fresh := true
	sub, err := s.o.Subscribers.Create(ctx, r.p, c)
	if fault.CodeOf(err) == tenant.CodeSubscriberExists {
		fresh = false
		sub, err = s.o.Subscribers.Update(ctx, r.p, c)
	}
	return s.contact(sub, fresh, err)
}

// updateContact is PATCH of the same.
func (s *Server) updateContact(ctx context.Context, r request) (int, any, error) {
	c, err := readContact(r)
	if err != nil {
		return 0, nil, err
	}
	sub, err := s.o.Subscribers.Update(ctx, r.p, c)
	return s.contact(sub, false, err)
}

func readContact(r request) (tenant.SubscriberChange, error) {
	var b contactBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b); err != nil {
		return tenant.SubscriberChange{}, err
	}
	return b.change()
}

// contact is the answer about a contact. The misspelt member is the real service's.
func (s *Server) contact(sub tenant.Subscriber, fresh bool, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{
		"operationStatus": "OK", "rowsAffetcted": 1, "contactKey": sub.Key, "contactId": sub.ID, "contactTypeID": 0, "isNewContactKey": fresh,
		"requestServiceMessageID": tenant.NewGUID(), "responseDateTime": timestamp(sub.Modified), "hasErrors": false, "resultMessages": []string{},
		"serviceMessageID": tenant.NewGUID(),
	}, nil
}
