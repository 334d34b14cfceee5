-- Grows with each writing of rows, so that what was found among them is known to be out of date.

-- +goose Up
ALTER TABLE data_extension ADD COLUMN row_version BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE data_extension DROP COLUMN row_version;
