-- Messages in doubt are few, and looked for among all.

-- +goose Up
CREATE INDEX message_doubt ON message (eid, mid, id) WHERE state = 'in_doubt';

-- +goose Down
DROP INDEX message_doubt;
