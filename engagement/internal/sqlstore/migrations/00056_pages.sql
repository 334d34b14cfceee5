-- What the tenant's pages need: the business unit that somebody chose in his session, where a package's own page is, and
-- the users of a tenant in order.

-- +goose Up
-- 0 is the user's default unit.
ALTER TABLE web_session ADD COLUMN mid BIGINT NOT NULL DEFAULT 0;
-- Login Endpoint of the package's component "Marketing Cloud App"; '' where it has none.
ALTER TABLE installed_package ADD COLUMN login_endpoint TEXT NOT NULL DEFAULT '';
CREATE INDEX account_user_order ON account_user (eid, username_key);

-- +goose Down
DROP INDEX account_user_order;
ALTER TABLE installed_package DROP COLUMN login_endpoint;
ALTER TABLE web_session DROP COLUMN mid;
