-- The second client secret of a package, good beside the first until it is activated.

-- +goose Up
ALTER TABLE installed_package ADD COLUMN staged_hash BYTEA;
ALTER TABLE installed_package ADD COLUMN staged_expires_at BIGINT;

-- +goose Down
ALTER TABLE installed_package DROP COLUMN staged_expires_at;
ALTER TABLE installed_package DROP COLUMN staged_hash;
