-- More of what a user is called, and how his mails end (crm-wire 5.2).

-- +goose Up
ALTER TABLE user_account ADD COLUMN middle_name TEXT;
ALTER TABLE user_account ADD COLUMN suffix TEXT;
ALTER TABLE user_account ADD COLUMN signature TEXT;

-- +goose Down
ALTER TABLE user_account DROP COLUMN signature;
ALTER TABLE user_account DROP COLUMN suffix;
ALTER TABLE user_account DROP COLUMN middle_name;
