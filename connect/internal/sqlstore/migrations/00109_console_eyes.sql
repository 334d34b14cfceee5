-- The session that somebody lent when he signed in to the console of an org which Connect cannot read yet, sealed.

-- +goose Up
ALTER TABLE console_session ADD COLUMN eyes_sealed BYTEA; -- NULL for none

-- +goose Down
ALTER TABLE console_session DROP COLUMN eyes_sealed;
