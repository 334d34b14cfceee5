package sqlstore

import (
	"encoding/json"
	"errors"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/jobs"
)

// JobLetter is the kind of job that sends a letter; its payload is an org.Letter.
const JobLetter = "crm.letter"

// letterAttempts are enough for a letter of seven days at the queue's longest back-off of ten minutes: the letter's own end
// decides.
const letterAttempts = 1200

// UseQueue says where letters are queued. Call it before the store is used; a store without a queue takes none.
func (s *Store) UseQueue(q *jobs.Queue) { s.queue = q }

// Post implements org.RecordTx.
func (t recordTx) Post(l org.Letter) error {
	if t.queue == nil {
		return errors.New("sqlstore: a letter, and no queue to put it in")
	}
	payload, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = t.queue.Enqueue(t.tx, jobs.Job{Kind: JobLetter, UniqueKey: "letter:" + l.ID, Payload: payload, MaxAttempts: letterAttempts})
	return err
}
