-- Packages that are disabled, changed and uninstalled: no access token numbered below tokens_since is good, and the sign-ins of
-- a package are found to be ended.

-- +goose Up
ALTER TABLE installed_package ADD COLUMN tokens_since BIGINT NOT NULL DEFAULT 0;
CREATE INDEX token_family_client ON token_family (client_id);

-- +goose Down
DROP INDEX token_family_client;
ALTER TABLE installed_package DROP COLUMN tokens_since;
