-- When the proof of an address or domain was given, apart from whether it is to be used.

-- +goose Up
ALTER TABLE verified_sender ADD COLUMN verified_at BIGINT NOT NULL DEFAULT 0;
UPDATE verified_sender SET verified_at = created_at WHERE is_sendable = 1;

-- +goose Down
ALTER TABLE verified_sender DROP COLUMN verified_at;
