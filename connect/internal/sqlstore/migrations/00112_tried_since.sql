-- Nobody is tried again and again for longer than a day.

-- +goose Up
-- when the user was tried first in this pass, machine time; 0 before
ALTER TABLE migration_user ADD COLUMN tried_since BIGINT NOT NULL DEFAULT 0;
-- when somebody had the run go on that had stopped, machine time; 0 for never
ALTER TABLE migration_run ADD COLUMN resumed_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE migration_run DROP COLUMN resumed_at;
ALTER TABLE migration_user DROP COLUMN tried_since;
