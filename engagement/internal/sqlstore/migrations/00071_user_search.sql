-- The list of users is searched in one text of each, which the index that has its order holds too.

-- +goose Up
ALTER TABLE account_user ADD COLUMN found_by TEXT NOT NULL DEFAULT '';
UPDATE account_user SET found_by = fold_case(username || '
' || name || '
' || COALESCE(email, ''));
DROP INDEX account_user_order;
CREATE INDEX account_user_order ON account_user (eid, username_key, found_by);

-- +goose Down
DROP INDEX account_user_order;
CREATE INDEX account_user_order ON account_user (eid, username_key);
ALTER TABLE account_user DROP COLUMN found_by;
