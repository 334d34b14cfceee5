-- Pages list users by last name, a page at a time.

-- +goose Up
CREATE INDEX user_account_last_name ON user_account (org_id, fold_case(last_name), id);

-- +goose Down
DROP INDEX user_account_last_name;
