-- Reports: the newest sends of a business unit, and the messages of a triggered send definition of late.

-- +goose Up
CREATE INDEX email_send_recent ON email_send (eid, mid, created_at, id);
CREATE INDEX message_definition ON message (eid, definition_id, accepted_at);

-- +goose Down
DROP INDEX message_definition;
DROP INDEX email_send_recent;
