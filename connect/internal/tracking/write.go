package tracking

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// Objects and fields of the managed package, without its namespace (connect-facts 8.3).
const (
	objectResult     = "IndividualEmailResult__c"
	objectSend       = "SendDefinition__c"
	objectTriggered  = "TriggeredSendDefinition__c"
	mergeField       = "MergeId__c"
	stampFormat      = "2006-01-02T15:04:05.000Z"
	writeAtOnce      = 100
	maxWritePerPull  = 20_000
	statusOfFinished = "Completed"
)

// write brings the org's Individual Email Results up to date.
func (s *Service) write(ctx context.Context, l link.Link, now time.Time, sum *Summary) error {
	installed, err := s.links.Package(ctx, l, false)
	if err != nil || installed == (link.Package{}) {
		return err // without the package there is nowhere to write
	}
	var known map[string]bool
	due := s.machine()
	parents := map[string]error{}
	for after := ""; sum.Written < maxWritePerPull; {
		dirty, err := s.store.Dirty(ctx, l.Pair, after, due, writeAtOnce)
		if err != nil || len(dirty) == 0 {
			return err
		}
		after = dirty[len(dirty)-1].MessageKey
		if known == nil {
			if known, err = s.fields(ctx, l); err != nil || known == nil {
				return err
			}
		}
		written, refused, err := s.writeSome(ctx, l, dirty, known, parents, now)
		sum.Written += len(written)
		if err := errors.Join(err, s.settle(ctx, l, WantResult, written, refused, sum)); err != nil {
			return err
		}
	}
	return nil
}

// fields are the fields of results that this version of the package has; nil where it has no results.
func (s *Service) fields(ctx context.Context, l link.Link) (map[string]bool, error) {
	var known map[string]bool
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		described, err := org.Describe(ctx, l.Names().Of(objectResult))
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		known = make(map[string]bool, len(described))
		for _, f := range described {
			known[f.Name] = true
		}
		return err
	})
	return known, err
}

// writeSome makes and changes the records of some results, and tells which it wrote and which the org refused. One that
// was about to be made before is looked for first. parents keeps why the records that results hang on were refused.
func (s *Service) writeSome(ctx context.Context, l link.Link, dirty []Result, known map[string]bool, parents map[string]error, now time.Time) (keys []string, refused []Refusal, err error) {
	if err := s.find(ctx, l, dirty); err != nil {
		return nil, nil, err
	}
	var made, changed []int
	var fresh, old []map[string]any
	var orphans []Refusal
	for i, r := range dirty {
		record, err := s.record(ctx, l, r, known, parents, now)
		if fault.CodeOf(err) == client.CodeRefused {
			orphans = append(orphans, refuse(r.MessageKey, now, err))
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if r.ResultID == "" {
			made, fresh = append(made, i), append(fresh, record)
			continue
		}
		record["Id"] = r.ResultID
		for _, once := range []string{objectSend, objectTriggered, mergeField} { // fields of the same names
			delete(record, l.Names().Of(once))
		}
		changed, old = append(changed, i), append(old, record)
	}
	if len(made) > 0 {
		intended := make([]Result, len(made))
		for n, i := range made {
			intended[n] = dirty[i]
		}
		if err := s.store.Intend(ctx, intended); err != nil {
			return nil, nil, err
		}
	}
	var written []Result
	err = s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		written, refused = nil, nil
		save := func(places []int, records []map[string]any, do func(context.Context, string, []map[string]any) ([]crm.Saved, error)) error {
			if len(places) == 0 {
				return nil
			}
			saved, err := do(ctx, l.Names().Of(objectResult), records)
			for n, one := range saved {
				r := dirty[places[n]]
				if one.Err != nil {
					refused = append(refused, refuse(r.MessageKey, now, one.Err))
					continue
				}
				r.ResultID = one.ID
				written = append(written, r)
			}
			return err
		}
		if err := save(changed, old, org.UpdateRecords); err != nil {
			return err
		}
		return save(made, fresh, org.CreateRecords)
	})
	if err := errors.Join(err, s.store.Written(ctx, written)); err != nil {
		return nil, orphans, err
	}
	for _, r := range written {
		keys = append(keys, r.MessageKey)
	}
	return keys, append(orphans, refused...), nil
}

// find looks for records whose making had begun, by the message key that they carry.
func (s *Service) find(ctx context.Context, l link.Link, dirty []Result) error {
	var keys []string
	for _, r := range dirty {
		if r.ResultID == "" && r.Intended {
			keys = append(keys, "'"+r.MessageKey+"'")
		}
	}
	if len(keys) == 0 {
		return nil
	}
	merge := l.Names().Of(mergeField)
	return s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		found, err := org.Query(ctx, "SELECT Id, "+merge+" FROM "+l.Names().Of(objectResult)+" WHERE "+merge+" IN ("+strings.Join(keys, ",")+")")
		for _, record := range found {
			for i := range dirty {
				if dirty[i].MessageKey == record.String(merge) {
					dirty[i].ResultID = record.String("Id")
				}
			}
		}
		return err
	})
}

// record is a result as the org keeps it.
func (s *Service) record(ctx context.Context, l link.Link, r Result, known map[string]bool, parents map[string]error, now time.Time) (map[string]any, error) {
	record := map[string]any{}
	of := l.Names().Of
	set := func(field string, value any) {
		if known[of(field)] {
			record[of(field)] = value
		}
	}
	moment := func(field string, t time.Time) {
		if !t.IsZero() {
			set(field, t.UTC().Format(stampFormat))
		}
	}
	set(personObject(r.RecordID)+"__c", r.RecordID)
	moment("DateSent__c", r.SentAt)
	set("Opened__c", !r.OpenedAt.IsZero())
	moment("DateOpened__c", r.OpenedAt)
	set("NumberOfTotalClicks__c", r.Clicks)
	set("NumberOfUniqueClicks__c", r.UniqueClicks)
	set("HardBounce__c", r.HardBounce)
	set("SoftBounce__c", r.SoftBounce)
	moment("DateBounced__c", r.BouncedAt)
	moment("DateUnsubscribed__c", r.UnsubscribedAt)
	moment("Tracking_As_Of__c", now)
	set("SubscriberId__c", r.RecordID)
	set("JobId__c", r.MailingID)
	record[of(mergeField)] = r.MessageKey
	if r.ResultID != "" {
		return record, nil
	}
	// Exactly one parent: the send, or the triggered send definition.
	field, object := "TriggeredSendDefinition__c", objectTriggered
	key := "triggered:" + strings.ToLower(r.DefinitionKey)
	fields := map[string]any{"Name": clipName(r.DefinitionKey)}
	if r.MailingID != "" {
		field, object, key = "SendDefinition__c", objectSend, "mailing:"+r.MailingID
		fields = map[string]any{of("SendStatus__c"): statusOfFinished}
	}
	if !known[of(field)] {
		return record, nil
	}
	if err := parents[key]; err != nil { // asked once for all of them
		return nil, err
	}
	parent, err := s.parent(ctx, l, key, of(object), fields)
	if fault.CodeOf(err) == client.CodeRefused {
		parents[key] = err
	}
	record[of(field)] = parent
	return record, err
}

func clipName(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "")
	}
	return s
}

// parent is the record that a result hangs on, made where it is not there yet.
func (s *Service) parent(ctx context.Context, l link.Link, key, object string, fields map[string]any) (string, error) {
	id, err := s.store.Parent(ctx, l.Pair, key)
	if err != nil || id != "" {
		return id, err
	}
	err = s.links.CallOrg(ctx, l, func(org *crm.Session) (err error) {
		id, err = org.CreateRecord(ctx, object, fields)
		return err
	})
	if err != nil {
		return "", err
	}
	return id, s.store.SetParent(ctx, l.Pair, key, id)
}
