-- A window in which the whole connection is unavailable. The mode is 'hold' (sends wait and are released in order
-- afterwards), 'fail' (sends fail by name) or '' where none is booked. Times are domain time.

-- +goose Up
ALTER TABLE link ADD COLUMN outage_mode TEXT NOT NULL DEFAULT '';
ALTER TABLE link ADD COLUMN outage_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN outage_until BIGINT NOT NULL DEFAULT 0;
-- 1 where it goes on after outage_until until somebody ends it.
ALTER TABLE link ADD COLUMN outage_stays INTEGER NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN outage_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE link ADD COLUMN outage_actor TEXT NOT NULL DEFAULT '';
-- Single sends that wait for the end of an outage.
CREATE INDEX send_held ON send (created_at) WHERE status = 'held';

-- +goose Down
DROP INDEX send_held;
ALTER TABLE link DROP COLUMN outage_actor;
ALTER TABLE link DROP COLUMN outage_reason;
ALTER TABLE link DROP COLUMN outage_stays;
ALTER TABLE link DROP COLUMN outage_until;
ALTER TABLE link DROP COLUMN outage_from;
ALTER TABLE link DROP COLUMN outage_mode;
