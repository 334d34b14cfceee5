-- A held send that the tenant does not answer for is handed it again, by the same key, and not without end.

-- +goose Up
-- how often the tenant was handed it and nobody could tell whether it has it
ALTER TABLE send ADD COLUMN doubts BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE send DROP COLUMN doubts;
