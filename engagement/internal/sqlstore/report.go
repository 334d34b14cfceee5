package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// EmailSends implements tenant.ReportStore.
func (s *Sending) EmailSends(ctx context.Context, eid tenant.EID, mid tenant.MID, before time.Time, id int64, limit int) (list []tenant.EmailSend, err error) {
	q := query{args: []any{int64(eid), int64(mid)}}
	text := `SELECT eid, id, mid, email_id, email_key, email_name, subject, state, status_text, excluded, errored, created_at FROM email_send WHERE eid = $1 AND mid = $2`
	if !before.IsZero() {
		at := q.arg(millis(before))
		text += ` AND (created_at < ` + at + ` OR created_at = ` + at + ` AND id < ` + q.arg(id) + `)`
	}
	rows, err := s.db.Query(ctx, text+` ORDER BY created_at DESC, id DESC LIMIT `+q.arg(limit), q.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v tenant.EmailSend
		var created int64
		if err := rows.Scan(&v.Tenant, &v.ID, &v.MID, &v.Email.ID, &v.Email.CustomerKey, &v.Email.Name, &v.Email.Subject, &v.State, &v.Text, &v.Excluded, &v.Errored, &created); err != nil {
			return nil, err
		}
		v.Created = timeOf(created)
		list = append(list, v)
	}
	return list, rows.Err()
}

// reported is what the messages and the events of a report hold in common.
type reported struct {
	query
	messages string // condition on message m
	events   string // FROM and condition on tracking_event t
}

func reportOf(eid tenant.EID, of tenant.ReportOf) reported {
	r := reported{query: query{args: []any{int64(eid)}}}
	if of.SendID != 0 {
		id := r.arg(of.SendID)
		r.messages = `m.eid = $1 AND m.send_id > 0 AND m.send_id = ` + id
		r.events = `FROM tracking_event t WHERE t.eid = $1 AND t.send_id > 0 AND t.send_id = ` + id
		return r
	}
	r.messages = `m.eid = $1 AND m.definition_id = ` + r.arg(of.DefinitionID) + ` AND m.accepted_at >= ` + r.arg(millis(of.Since))
	r.events = `FROM message m JOIN tracking_event t ON t.eid = m.eid AND t.message_id = m.id WHERE ` + r.messages
	return r
}

// Tally implements tenant.ReportStore.
func (s *Sending) Tally(ctx context.Context, eid tenant.EID, of tenant.ReportOf) (t tenant.Tally, err error) {
	r := reportOf(eid, of)
	rows, err := s.db.Query(ctx, `SELECT m.state, COUNT(*) FROM message m WHERE `+r.messages+` GROUP BY m.state`, r.args...)
	if err != nil {
		return t, err
	}
	err = eachRow(rows, func() error {
		var state tenant.MessageState
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return err
		}
		t.Targeted += n
		switch state {
		case tenant.MessageQueued, tenant.MessageSending:
			t.Waiting += n
		case tenant.MessageSent:
			t.Sent = n
		case tenant.MessageNotSent:
			t.NotSent = n
		case tenant.MessageInDoubt:
			t.InDoubt = n
		}
		return nil
	})
	if err != nil {
		return t, err
	}
	rows, err = s.db.Query(ctx, `SELECT t.kind, COUNT(*), COUNT(DISTINCT t.message_id) `+r.events+` GROUP BY t.kind`, r.args...)
	if err != nil {
		return t, err
	}
	err = eachRow(rows, func() error {
		var kind tenant.EventKind
		var n, unique int
		if err := rows.Scan(&kind, &n, &unique); err != nil {
			return err
		}
		switch kind {
		case tenant.EventOpen:
			t.Opens, t.UniqueOpens = n, unique
		case tenant.EventClick:
			t.Clicks, t.UniqueClicks = n, unique
		case tenant.EventBounce:
			t.Bounces = unique
		case tenant.EventUnsubscribe:
			t.Unsubscribes = unique
		}
		return nil
	})
	t.Delivered = max(0, t.Sent-t.Bounces)
	return t, err
}

// dayMillis is a day in the unit of the tables.
const dayMillis = 24 * 60 * 60 * 1000

// Days implements tenant.ReportStore.
func (s *Sending) Days(ctx context.Context, eid tenant.EID, of tenant.ReportOf) (days []tenant.DayTally, err error) {
	r := reportOf(eid, of)
	day := `t.happened_at / ` + r.arg(dayMillis)
	rows, err := s.db.Query(ctx, `SELECT d.day, d.kind, COUNT(*) FROM (SELECT CAST(`+day+` AS BIGINT) AS day, t.kind AS kind `+r.events+`) d GROUP BY d.day, d.kind ORDER BY d.day`, r.args...)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, func() error {
		var number int64
		var kind tenant.EventKind
		var n int
		if err := rows.Scan(&number, &kind, &n); err != nil {
			return err
		}
		at := timeOf(number * dayMillis)
		if len(days) == 0 || !days[len(days)-1].Day.Equal(at) {
			days = append(days, tenant.DayTally{Day: at})
		}
		d := &days[len(days)-1]
		switch kind {
		case tenant.EventSent:
			d.Sent = n
		case tenant.EventOpen:
			d.Opens = n
		case tenant.EventClick:
			d.Clicks = n
		case tenant.EventBounce:
			d.Bounces = n
		case tenant.EventUnsubscribe:
			d.Unsubscribe = n
		}
		return nil
	})
	return days, err
}

// eachRow reads all rows and closes them.
func eachRow(rows *sql.Rows, read func() error) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := read(); err != nil {
			return err
		}
	}
	return rows.Err()
}
