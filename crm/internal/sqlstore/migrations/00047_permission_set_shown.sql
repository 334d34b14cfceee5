-- The tabs and applications that a permission set shows, as JSON; NULL for none.

-- +goose Up
ALTER TABLE permission_set ADD COLUMN shown TEXT;

-- +goose Down
ALTER TABLE permission_set DROP COLUMN shown;
