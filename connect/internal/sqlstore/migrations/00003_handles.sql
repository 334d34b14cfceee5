-- Where the mapping's token lies: which package the org has, and when its users' handles were looked through last.

-- +goose Up
-- "5.493", "220"; '' where the org has none or was not asked yet.
ALTER TABLE link ADD COLUMN package_version TEXT NOT NULL DEFAULT '';
-- Machine time.
ALTER TABLE link ADD COLUMN swept_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE link DROP COLUMN swept_at;
ALTER TABLE link DROP COLUMN package_version;
