-- Who has a permission set, how many active users a profile has, and which of the next active users lack a set are read without
-- reading all users.

-- +goose Up
CREATE INDEX permission_set_assignment_set ON permission_set_assignment (org_id, permission_set_id, id);
DROP INDEX user_account_profile;
CREATE INDEX user_account_profile ON user_account (org_id, profile_id, is_active);
DROP INDEX user_account_last_name;
CREATE INDEX user_account_last_name ON user_account (org_id, fold_case(last_name), id, is_active);

-- +goose Down
DROP INDEX user_account_last_name;
CREATE INDEX user_account_last_name ON user_account (org_id, fold_case(last_name), id);
DROP INDEX user_account_profile;
CREATE INDEX user_account_profile ON user_account (org_id, profile_id);
DROP INDEX permission_set_assignment_set;
