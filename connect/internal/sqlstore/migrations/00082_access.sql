-- Who uses Connect's console and its API: sessions, API tokens with a role, and the one-time link of the first use.

-- +goose Up
CREATE TABLE console_session (
    token_hash BYTEA PRIMARY KEY, -- SHA-256 of the cookie
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    cloud TEXT NOT NULL, -- org, engagement; link for whoever had the one-time link
    org_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    username TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    expires_at BIGINT NOT NULL, -- domain time
    seen_at BIGINT NOT NULL, -- machine time
    role_at BIGINT NOT NULL -- machine time at which the role was read
);
CREATE INDEX console_session_expiry ON console_session (pair_id, expires_at);

CREATE TABLE api_token (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    token_id TEXT NOT NULL,
    token_hash BYTEA NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    crm_username TEXT NOT NULL, -- of role user, whose own mapping it reaches
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL, -- domain time, as the next two
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL, -- 0 while it works
    used_at BIGINT NOT NULL, -- machine time, to the hour; 0 for never
    PRIMARY KEY (pair_id, token_id)
);
CREATE UNIQUE INDEX api_token_hash ON api_token (token_hash);
CREATE UNIQUE INDEX api_token_name ON api_token (pair_id, name) WHERE revoked_at = 0;

-- The newest of a pair alone works, and once.
CREATE TABLE console_link (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    link_hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL -- domain time
);

-- The page of the console that a sign-in was begun for.
ALTER TABLE signin_flow ADD COLUMN return_to TEXT NOT NULL DEFAULT '';

-- Anybody may begin a sign-in to the console, as he may a visit: the oldest of too many go.
DROP INDEX signin_flow_visit;
CREATE INDEX signin_flow_purpose ON signin_flow (pair_id, purpose, expires_at);

-- +goose Down
DROP INDEX signin_flow_purpose;
CREATE INDEX signin_flow_visit ON signin_flow (pair_id, expires_at) WHERE purpose = 'visit';
ALTER TABLE signin_flow DROP COLUMN return_to;
DROP TABLE console_link;
DROP TABLE api_token;
DROP TABLE console_session;
