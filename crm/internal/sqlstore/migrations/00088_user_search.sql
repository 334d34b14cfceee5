-- Lists of users are searched in one text of each, which the index on last names has beside the order.

-- +goose Up
ALTER TABLE user_account ADD COLUMN found_by TEXT NOT NULL DEFAULT '';
UPDATE user_account SET found_by = fold_case(name || '
' || username || '
' || email || '
' || alias);
DROP INDEX user_account_last_name;
CREATE INDEX user_account_last_name ON user_account (org_id, fold_case(last_name), id, is_active, found_by);

-- +goose Down
DROP INDEX user_account_last_name;
CREATE INDEX user_account_last_name ON user_account (org_id, fold_case(last_name), id, is_active);
ALTER TABLE user_account DROP COLUMN found_by;
