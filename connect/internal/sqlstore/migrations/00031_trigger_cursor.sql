-- Where a reading of a trigger's object stands that one look did not finish, and who looks.

-- +goose Up
-- Domain times between which is read, and the last record read; 0, 0, '' where no reading is open.
ALTER TABLE record_trigger ADD COLUMN reading_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE record_trigger ADD COLUMN reading_to BIGINT NOT NULL DEFAULT 0;
ALTER TABLE record_trigger ADD COLUMN reading_after TEXT NOT NULL DEFAULT '';
ALTER TABLE trigger_lease ADD COLUMN holder TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE trigger_lease DROP COLUMN holder;
ALTER TABLE record_trigger DROP COLUMN reading_after;
ALTER TABLE record_trigger DROP COLUMN reading_to;
ALTER TABLE record_trigger DROP COLUMN reading_from;
