-- What the things of the managed package are called in the org, where that is not as the vendor ships it: JSON by key.

-- +goose Up
ALTER TABLE link ADD COLUMN names TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE link DROP COLUMN names;
