package tenant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// spreadBatch is how many of an audience one transaction turns into messages: each costs up to five rows, most of them
// two (DESIGN 5.5).
const spreadBatch = 40

// Spread makes the messages of a send, from where it has come to on to the end. It may be run again, by several at once:
// each part of the audience is done once.
func (s *EmailSends) Spread(ctx context.Context, tenant EID, id int64) error {
	var excluded *exclusions
	for {
		send, err := s.Store.EmailSend(ctx, tenant, id)
		if fault.CodeOf(err) == CodeNoEmailSend || err == nil && send.State != EmailSendSpreading {
			return nil
		}
		if err == nil && excluded == nil {
			excluded, err = s.exclusions(ctx, send)
		}
		page := SpreadPage{SourceAt: send.SourceAt, State: EmailSendSpread, Now: later(s.Now(tenant), send.Modified)}
		if err == nil && send.SourceAt < len(send.Audience.Sources) {
			page.State = EmailSendSpreading
			err = s.page(ctx, send, excluded, &page)
		}
		switch fault.CodeOf(err) {
		case CodeNoList, CodeNoDataExtension, CodeInvalidEmailSend:
			page = SpreadPage{SourceAt: send.SourceAt, ReadTo: send.ReadTo, State: EmailSendFailed, Text: fault.Of(err).Message, Now: page.Now}
		default:
			if err != nil {
				return err
			}
		}
		if err := s.Store.SpreadEmailSend(ctx, send, page); err != nil && fault.CodeOf(err) != CodeChangedMeanwhile {
			return err
		}
	}
}

// page reads the next part of the source that the send has come to.
func (s *EmailSends) page(ctx context.Context, send EmailSend, excluded *exclusions, page *SpreadPage) error {
	source := send.Audience.Sources[send.SourceAt]
	var recipients []recipient
	var read int
	var err error
	if source.Extension == "" {
		recipients, read, err = s.members(ctx, send, source, page)
	} else {
		recipients, read, err = s.rows(ctx, send, source, page)
	}
	if err != nil {
		return err
	}
	page.Excluded, err = excluded.apply(ctx, recipients)
	if err != nil {
		return err
	}
	for _, r := range recipients {
		if !r.excluded {
			page.Messages = append(page.Messages, r.message(send, source, page.Now))
		}
	}
	if read < spreadBatch {
		page.SourceAt, page.ReadTo = send.SourceAt+1, ""
	}
	return nil
}

// recipient is one of an audience.
type recipient struct {
	id         int64 // of the subscriber; 0 where he is not on All Subscribers yet
	key, to    string
	attributes map[string]string
	place      string // what tells the messages of one send apart
	excluded   bool
}

// members reads the next members of a list.
func (s *EmailSends) members(ctx context.Context, send EmailSend, source AudienceSource, page *SpreadPage) ([]recipient, int, error) {
	var after int64
	if send.ReadTo != "" {
		var err error
		if after, err = strconv.ParseInt(send.ReadTo, 10, 64); err != nil {
			return nil, 0, err
		}
	}
	if source.List != int64(send.Tenant) {
		if _, err := s.Lists.ListBy(ctx, send.Tenant, send.MID, ListRef{ID: source.List}); err != nil {
			return nil, 0, err
		}
	}
	members, err := s.Store.ListMembers(ctx, send.Tenant, source.List, after, spreadBatch)
	if err != nil {
		return nil, 0, err
	}
	list := make([]recipient, len(members))
	for i, m := range members {
		// By subscriber, so that who is on two of the lists gets one message.
		list[i] = recipient{id: m.ID, key: m.Key, to: m.Address, place: "s" + strconv.FormatInt(m.ID, 10)}
		page.ReadTo = strconv.FormatInt(m.ID, 10)
	}
	return list, len(members), nil
}

// rows reads the next rows of a data extension and finds their subscribers.
func (s *EmailSends) rows(ctx context.Context, send EmailSend, source AudienceSource, page *SpreadPage) ([]recipient, int, error) {
	d, err := s.Data.Extension(ctx, send.Tenant, send.MID, ExtensionRef{ID: source.Extension})
	if err != nil {
		return nil, 0, err
	}
	field, ok := d.Field(d.SendField)
	if !d.Sendable || !ok {
		return nil, 0, badSend("SendDefinitionList", "The data extension %s is not sendable.", d.Key)
	}
	rows, err := s.Data.Rows(ctx, d, send.ReadTo, 0, spreadBatch)
	if err != nil {
		return nil, 0, err
	}
	page.Enrol = true
	names := make([]string, 0, len(rows))
	for _, row := range rows {
		if name := strings.TrimSpace(row.Values[field.Slot]); name != "" {
			names = append(names, name)
		}
	}
	byAddress := d.SubscriberField == emailAddressField
	known, err := s.known(ctx, send.Tenant, names, byAddress)
	if err != nil {
		return nil, 0, err
	}
	var list []recipient
	for i, row := range rows {
		page.ReadTo = row.Key
		name := strings.TrimSpace(row.Values[field.Slot])
		r := recipient{key: name, to: address(d, row), place: "r" + strconv.Itoa(send.SourceAt) + "-" + digest(row.Key), attributes: map[string]string{}}
		sub, ok := known[name]
		if byAddress {
			r.to = name
			sub, ok = known[strings.ToLower(name)]
		}
		if ok {
			r.id, r.key = sub.ID, sub.Key
			if r.to == "" {
				r.to = sub.Address
			}
		}
		if name == "" || len(r.key) > MaxSubscriberKey || r.to == "" && !ok {
			page.Errored++ // nobody is named, or nobody whose address anything tells
			continue
		}
		for _, f := range d.Fields {
			r.attributes[f.Name] = f.ShowValue(rows[i].Values[f.Slot])
		}
		list = append(list, r)
	}
	return list, len(rows), nil
}

// known finds the subscribers that rows name by key or, in lower case, by address.
func (s *EmailSends) known(ctx context.Context, tenant EID, names []string, byAddress bool) (map[string]Subscriber, error) {
	if !byAddress {
		return s.Store.SubscribersByKeys(ctx, tenant, names)
	}
	for i, n := range names {
		names[i] = strings.ToLower(n)
	}
	return s.Store.SubscribersByAddresses(ctx, tenant, names)
}

// address is the value of the row's first field of type EmailAddress; "" where there is none.
func address(d DataExtension, row DataRow) string {
	for _, f := range d.Fields {
		if f.Type == FieldEmailAddress {
			return strings.TrimSpace(row.Values[f.Slot])
		}
	}
	return ""
}

// digest shortens what may be long into what fits a message key.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

// message makes the recipient's message. Its key is the same each time, so that nobody gets it twice.
func (r recipient) message(send EmailSend, source AudienceSource, now time.Time) Message {
	place := r.place
	if send.Deduplicate {
		place = "a" + digest(strings.ToLower(r.to))
	}
	list := source.List
	if list == int64(send.Tenant) {
		list = 0
	}
	return Message{
		Tenant: send.Tenant, MID: send.MID, ID: NewGUID(), RequestID: send.ObjectID, Key: send.ObjectID + ":" + place,
		SubscriberKey: r.key, To: r.to, Attributes: r.attributes, ListID: list, SendID: send.ID,
		State: MessageQueued, Accepted: now, Changed: now,
	}
}

// exclusions are those whom a send leaves out.
type exclusions struct {
	store  EmailSendStore
	tenant EID
	lists  []int64
	keys   map[string]bool // of subscribers in data extensions, as they are when the job begins
	mails  map[string]bool // addresses in data extensions, in lower case
}

// exclusions reads the data extensions that name who is left out; lists are asked page by page.
func (s *EmailSends) exclusions(ctx context.Context, send EmailSend) (*exclusions, error) {
	x := &exclusions{store: s.Store, tenant: send.Tenant, keys: map[string]bool{}, mails: map[string]bool{}}
	for _, source := range send.Audience.Exclusions {
		if source.Extension == "" {
			x.lists = append(x.lists, source.List)
			continue
		}
		d, err := s.Data.Extension(ctx, send.Tenant, send.MID, ExtensionRef{ID: source.Extension})
		if err != nil {
			return nil, err
		}
		field, ok := d.Field(d.SendField)
		if !d.Sendable || !ok {
			return nil, badSend("SendDefinitionList", "The data extension %s is not sendable.", d.Key)
		}
		for after := ""; ; {
			rows, err := s.Data.Rows(ctx, d, after, 0, RetrieveBatch)
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				after = row.Key
				if name := strings.TrimSpace(row.Values[field.Slot]); d.SubscriberField == emailAddressField {
					x.mails[strings.ToLower(name)] = true
				} else {
					x.keys[name] = true
				}
			}
			if len(rows) < RetrieveBatch {
				break
			}
		}
	}
	return x, nil
}

// apply marks those who are left out and counts them.
func (x *exclusions) apply(ctx context.Context, list []recipient) (int, error) {
	var on map[int64]bool
	if len(x.lists) > 0 {
		ids := make([]int64, 0, len(list))
		for _, r := range list {
			if r.id != 0 {
				ids = append(ids, r.id)
			}
		}
		var err error
		if on, err = x.store.OnLists(ctx, x.tenant, x.lists, ids); err != nil {
			return 0, err
		}
	}
	n := 0
	for i, r := range list {
		if on[r.id] || x.keys[r.key] || x.mails[strings.ToLower(r.to)] {
			list[i].excluded = true
			n++
		}
	}
	return n, nil
}
