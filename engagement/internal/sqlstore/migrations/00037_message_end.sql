-- Messages that have no end yet, for the queue of their definition and for the look after those that nothing works on;
-- and those that wait for an inactive definition by when they were accepted, because they wait for three days at most.

-- +goose Up
CREATE INDEX message_open ON message (eid, definition_id, accepted_at) WHERE state IN ('queued', 'sending');
CREATE INDEX message_held_since ON message (eid, accepted_at) WHERE is_held = 1;

-- +goose Down
DROP INDEX message_held_since;
DROP INDEX message_open;
