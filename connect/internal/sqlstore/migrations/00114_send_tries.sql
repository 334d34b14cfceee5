-- A held send of which a cloud cannot be asked is tried again later each time, and not without end.

-- +goose Up
-- how often a cloud could not be asked about it
ALTER TABLE send ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
-- machine time until which it is left alone; 0 for no time
ALTER TABLE send ADD COLUMN next_try BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE send DROP COLUMN next_try;
ALTER TABLE send DROP COLUMN tries;
