-- Flows that an app's administrator opens, the refresh tokens that rotation has used up, and devices that wait for a person.

-- +goose Up
ALTER TABLE connected_application ADD COLUMN is_refresh_token_rotation_enabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connected_application ADD COLUMN is_introspect_all_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connected_application ADD COLUMN is_user_agent_flow_enabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connected_application ADD COLUMN is_device_flow_enabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connected_application ADD COLUMN is_strict INTEGER NOT NULL DEFAULT 0;

-- What a refresh token was before it rotated. Only one that really was one gives a thief away: the number in a token is
-- no secret.
CREATE TABLE oauth_spent_refresh (
    hash BYTEA PRIMARY KEY,
    grant_id BIGINT NOT NULL REFERENCES oauth_grant (id) ON DELETE CASCADE
);
CREATE INDEX oauth_spent_refresh_grant ON oauth_spent_refresh (grant_id);

CREATE TABLE oauth_device (
    id BIGINT PRIMARY KEY,
    -- SHA-256 of the device code, and of the code that the person types.
    code_hash BYTEA NOT NULL,
    user_code_hash BYTEA NOT NULL,
    consumer_key TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    -- When the device last asked, and how long it has to wait between two questions.
    polled_ms BIGINT NOT NULL DEFAULT 0,
    interval_ms BIGINT NOT NULL,
    -- 'pending', 'allowed', 'denied', 'used'
    state TEXT NOT NULL,
    org_id TEXT NOT NULL DEFAULT '',
    user_id TEXT NOT NULL DEFAULT '',
    grant_id BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX oauth_device_user_code ON oauth_device (user_code_hash);
CREATE INDEX oauth_device_expires ON oauth_device (expires_ms);

-- +goose Down
DROP TABLE oauth_device;
DROP TABLE oauth_spent_refresh;
ALTER TABLE connected_application DROP COLUMN is_strict;
ALTER TABLE connected_application DROP COLUMN is_device_flow_enabled;
ALTER TABLE connected_application DROP COLUMN is_user_agent_flow_enabled;
ALTER TABLE connected_application DROP COLUMN is_introspect_all_tokens;
ALTER TABLE connected_application DROP COLUMN is_refresh_token_rotation_enabled;
