-- What logins keep. Sessions and login history are append-only on the way of a login: their keys grow with time, so an
-- insert touches one page at the end. A number is milliseconds, process and sequence in one BIGINT (org.Numbers). Those
-- two have no foreign keys: a check for each row would cost a login more than the row, and nothing but the deletion of
-- an org removes its parent.

-- +goose Up
CREATE TABLE user_login (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    -- argon2id, PHC string; '' for a user without a password.
    password_hash TEXT NOT NULL,
    -- SHA-256 of the security token, which has 140 random bits; its length tells where the password ends.
    security_token_hash BYTEA,
    security_token_length INTEGER NOT NULL DEFAULT 0,
    password_changed_ms BIGINT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    locked_until_ms BIGINT NOT NULL DEFAULT 0,
    -- Sessions and grants with numbers up to this one are over: the user was deactivated, or all his sessions were ended.
    ended_up_to BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, user_id)
);

CREATE TABLE auth_session (
    id BIGINT PRIMARY KEY,
    org_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- '' for a SOAP login or a browser session.
    app_id TEXT NOT NULL,
    -- SHA-256 of the token.
    token_hash BYTEA NOT NULL,
    -- NULL for a session that may do all.
    scopes TEXT,
    session_type TEXT NOT NULL,
    grant_id BIGINT NOT NULL DEFAULT 0,
    timeout_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    ended_ms BIGINT
);

CREATE TABLE login_history (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    login_time BIGINT NOT NULL,
    login_type TEXT NOT NULL,
    login_sub_type TEXT,
    source_ip TEXT,
    login_url TEXT,
    status TEXT NOT NULL,
    application TEXT,
    browser TEXT,
    platform TEXT,
    api_type TEXT,
    api_version TEXT,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE oauth_grant (
    id BIGINT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    -- SHA-256 of the refresh token; NULL where none was given out.
    refresh_hash BYTEA,
    created_ms BIGINT NOT NULL,
    last_used_ms BIGINT NOT NULL,
    use_count BIGINT NOT NULL DEFAULT 0,
    revoked_ms BIGINT
);
CREATE INDEX oauth_grant_user ON oauth_grant (org_id, user_id, app_id);

CREATE TABLE oauth_code (
    -- The number of the sign-in that asked for the code: a second answer to the same sign-in meets this key.
    id BIGINT PRIMARY KEY,
    code_hash BYTEA NOT NULL,
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    consumer_key TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    nonce TEXT NOT NULL,
    scopes TEXT NOT NULL,
    grant_id BIGINT NOT NULL,
    auth_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT
);

-- Assertions with a jti that were accepted: once each.
CREATE TABLE oauth_assertion (
    hash BYTEA PRIMARY KEY,
    forget_ms BIGINT NOT NULL
);
CREATE INDEX oauth_assertion_forget ON oauth_assertion (forget_ms);

-- The key that signs id_tokens: one row, made when it is first needed.
CREATE TABLE signing_key (
    id INTEGER PRIMARY KEY,
    key_id TEXT NOT NULL,
    -- PKCS #8, sealed by the vault.
    sealed BYTEA NOT NULL
);

-- +goose Down
DROP TABLE signing_key;
DROP TABLE oauth_assertion;
DROP TABLE oauth_code;
DROP TABLE oauth_grant;
DROP TABLE login_history;
DROP TABLE auth_session;
DROP TABLE user_login;
