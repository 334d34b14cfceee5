package sqlstore

import (
	"errors"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/standing"
)

// endWork suspends and ends, with a change of a connection, the work in the background that has nothing to stand on after it. It
// gives an entry for each triggered send and each send, which its caller notes.
func endWork(tx *sqldb.Tx, before, l link.Link, why audit.Change) ([]audit.Entry, error) {
	var entries []audit.Entry
	if ends := l.Ends(before, standing.FireTriggers); ends != nil {
		suspended, err := suspendTriggers(tx, l, fault.Of(ends), why)
		if err != nil {
			return nil, err
		}
		entries = suspended
	}
	if ends := l.Ends(before, standing.DeliverSends); ends != nil {
		ended, err := endSends(tx, l, fault.Of(ends), why)
		if err != nil {
			return nil, err
		}
		entries = append(entries, ended...)
	}
	return entries, nil
}

// suspendTriggers stops the triggered sends that are active; firings that wait fail.
func suspendTriggers(tx *sqldb.Tx, l link.Link, ends *fault.Error, why audit.Change) ([]audit.Entry, error) {
	rows, err := tx.Query(triggerQuery+` AND active = 1 ORDER BY name, trigger_id`, l.Pair)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	var entries []audit.Entry
	why.Action, why.Reason = audit.TriggerChanged, ends.Message
	for rows.Next() {
		t, err := scanTrigger(rows)
		if err != nil {
			return nil, err
		}
		why.Subject = t.Name
		after := factsOf(t)
		after.Active = false
		entries = append(entries, entry(l.Pair, why, factsOf(t), after))
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	// Whoever is reading for one keeps nothing of it: see Advance.
	if _, err := tx.Exec(`UPDATE record_trigger SET active = 0, active_since = $2, watermark = $2, error_code = $3, error = $4, reading_from = 0, reading_to = 0, reading_after = ''
		WHERE pair_id = $1 AND active = 1`, l.Pair, ms(why.At), string(ends.Code), ends.Message); err != nil {
		return nil, err
	}
	_, err = tx.Exec(`UPDATE trigger_firing SET status = 'failed', code = $2, reason = $3 WHERE pair_id = $1 AND status = 'waiting'`, l.Pair, string(ends.Code), ends.Message)
	return entries, err
}

// endSends fails what is scheduled, held, queued or under way, and refuses single sends that are held. What the tenant may have
// is in doubt. A single send that somebody is at comes to the end that he finds.
func endSends(tx *sqldb.Tx, l link.Link, ends *fault.Error, why audit.Change) ([]audit.Entry, error) {
	const open = `state IN ('scheduled', 'held', 'queued', 'running')`
	if _, err := tx.Exec(`UPDATE mailing_recipient SET status = 'in_doubt', code = $2, reason = $3 WHERE pair_id = $1 AND status = 'intended'
		AND mailing_id IN (SELECT mailing_id FROM mailing WHERE pair_id = $1 AND `+open+`)`, l.Pair, string(mailing.CodeNoAnswer), noAnswer); err != nil {
		return nil, err
	}
	counts := map[string]mailing.Counts{}
	rows, err := tx.Query(`SELECT mailing_id, status, COUNT(*) FROM mailing_recipient WHERE pair_id = $1 AND mailing_id IN (SELECT mailing_id FROM mailing WHERE pair_id = $1 AND `+open+`)
		GROUP BY mailing_id, status`, l.Pair)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	for rows.Next() {
		var id string
		var status mailing.Status
		var n int
		if err := rows.Scan(&id, &status, &n); err != nil {
			return nil, err
		}
		counts[id] = counts[id].Add(status, n)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	mailings, err := tx.Query(mailingQuery+` AND m.`+open+` ORDER BY m.position`, l.Pair)
	if err != nil {
		return nil, err
	}
	defer func() { _ = mailings.Close() }() // as above
	var entries []audit.Entry
	why.Action, why.Reason = audit.SendEnded, ends.Message
	for mailings.Next() {
		m, err := scanMailing(mailings)
		if err != nil {
			return nil, err
		}
		why.Subject = m.ID
		after, n := askedOf(m), counts[m.ID]
		after.State, after.Counts = mailing.Failed, &n
		entries = append(entries, entry(l.Pair, why, askedOf(m), after))
	}
	if err := errors.Join(mailings.Err(), mailings.Close()); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(`UPDATE mailing SET state = 'failed', reason_code = $2, reason = $3, ended_at = $4, attempts = 0 WHERE pair_id = $1 AND `+open,
		l.Pair, string(ends.Code), ends.Message, ms(why.At)); err != nil {
		return nil, err
	}
	_, err = tx.Exec(`UPDATE send SET status = CASE WHEN doubts > 0 THEN 'in_doubt' ELSE 'refused' END, reason_code = $2, reason = $3, updated_at = $4, revision = revision + 1 WHERE pair_id = $1 AND status = 'held' AND lease_until = 0`,
		l.Pair, string(ends.Code), ends.Message, ms(why.At))
	return entries, err
}
