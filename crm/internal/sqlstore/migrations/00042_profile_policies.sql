-- What a profile says in place of the org's password policies and session timeout.

-- +goose Up
-- JSON of the policies; '' where the org's hold.
ALTER TABLE profile ADD COLUMN password_policies TEXT NOT NULL DEFAULT '';
-- Minutes that a session lives unused; 0 where the org's setting holds.
ALTER TABLE profile ADD COLUMN session_timeout BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE profile DROP COLUMN session_timeout;
ALTER TABLE profile DROP COLUMN password_policies;
