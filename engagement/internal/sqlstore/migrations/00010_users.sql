-- What administrators set about users over SOAP: where notices go, the numbered user permissions, and who changed it last.

-- +goose Up
ALTER TABLE account_user ADD COLUMN notification_email TEXT NOT NULL DEFAULT '';
-- Numbers of UserPermissions, such as 23 for the web services, as a JSON list.
ALTER TABLE account_user ADD COLUMN user_permissions TEXT NOT NULL DEFAULT '[]';
ALTER TABLE account_user ADD COLUMN modified_by BIGINT NOT NULL DEFAULT 0;
CREATE INDEX account_user_key ON account_user (eid, customer_key);

-- +goose Down
DROP INDEX account_user_key;
ALTER TABLE account_user DROP COLUMN modified_by;
ALTER TABLE account_user DROP COLUMN user_permissions;
ALTER TABLE account_user DROP COLUMN notification_email;
