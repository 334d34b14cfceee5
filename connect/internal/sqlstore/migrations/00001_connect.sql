-- The connections of Connect: their spans and keys, sign-ins, mappings and sends. One text for SQLite and PostgreSQL:
-- times are milliseconds since 1970 UTC (domain time, but for lease columns, which are machine time), 0 for none. No
-- password of either cloud has a column here; *_hash is a SHA-256, *_sealed is sealed by the vault.

-- +goose Up
CREATE TABLE link (
    pair_id TEXT PRIMARY KEY,
    -- Order of making: the first is the one that pages show where nothing names a pair.
    position BIGINT NOT NULL,
    api_token_hash BYTEA NOT NULL,
    standing TEXT NOT NULL,
    crm_url TEXT NOT NULL,
    connected_app TEXT NOT NULL,
    consumer_key TEXT NOT NULL,
    console_client_id TEXT NOT NULL,
    engagement_auth_url TEXT NOT NULL,
    package_client_id TEXT NOT NULL,
    eid BIGINT NOT NULL,
    clock_offset_ms BIGINT NOT NULL DEFAULT 0,
    org_state TEXT NOT NULL,
    org_username TEXT NOT NULL DEFAULT '',
    org_user_id TEXT NOT NULL DEFAULT '',
    org_id TEXT NOT NULL DEFAULT '',
    org_connected_at BIGINT NOT NULL DEFAULT 0,
    org_cause_code TEXT NOT NULL DEFAULT '',
    org_cause_text TEXT NOT NULL DEFAULT '',
    engagement_state TEXT NOT NULL,
    engagement_username TEXT NOT NULL DEFAULT '',
    engagement_user_id TEXT NOT NULL DEFAULT '',
    engagement_mid BIGINT NOT NULL DEFAULT 0,
    engagement_connected_at BIGINT NOT NULL DEFAULT 0,
    engagement_cause_code TEXT NOT NULL DEFAULT '',
    engagement_cause_text TEXT NOT NULL DEFAULT '',
    revision BIGINT NOT NULL
);
CREATE UNIQUE INDEX link_api_token ON link (api_token_hash);
CREATE UNIQUE INDEX link_position ON link (position);

-- A key is made before its pair's link, because the clouds must hold the certificate first.
CREATE TABLE span_key (
    pair_id TEXT NOT NULL,
    direction TEXT NOT NULL,
    private_key_sealed BYTEA NOT NULL CHECK (length(private_key_sealed) > 0),
    certificate TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (pair_id, direction)
);

CREATE TABLE signin_flow (
    flow_hash BYTEA PRIMARY KEY,
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    step TEXT NOT NULL,
    browser_hash BYTEA,
    secrets_sealed BYTEA,
    expires_at BIGINT NOT NULL,
    org_id TEXT NOT NULL,
    crm_user_id TEXT NOT NULL,
    crm_username TEXT NOT NULL,
    crm_name TEXT NOT NULL,
    engagement_username TEXT NOT NULL,
    engagement_mid BIGINT NOT NULL
);
CREATE INDEX signin_flow_expiry ON signin_flow (pair_id, expires_at);

CREATE TABLE visitor_session (
    token_hash BYTEA PRIMARY KEY,
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    org_id TEXT NOT NULL,
    crm_user_id TEXT NOT NULL,
    crm_username TEXT NOT NULL,
    crm_name TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX visitor_session_expiry ON visitor_session (pair_id, expires_at);

CREATE TABLE user_mapping (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    crm_user_id TEXT NOT NULL,
    crm_username TEXT NOT NULL,
    crm_name TEXT NOT NULL,
    engagement_user_id TEXT NOT NULL,
    engagement_username TEXT NOT NULL,
    engagement_name TEXT NOT NULL,
    engagement_mid BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (pair_id, crm_user_id)
);
CREATE UNIQUE INDEX user_mapping_engagement_user ON user_mapping (pair_id, engagement_user_id);
CREATE INDEX user_mapping_username ON user_mapping (pair_id, crm_username);

CREATE TABLE send (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    message_key TEXT NOT NULL,
    definition_key TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    status TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    reason TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (pair_id, message_key)
);
CREATE INDEX send_contact ON send (pair_id, contact_id);

-- What mutating API calls were answered, by their Idempotency-Key; times here are machine time.
CREATE TABLE idempotent_call (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    key_hash BYTEA NOT NULL,
    request_hash BYTEA NOT NULL,
    lease_until BIGINT NOT NULL,
    holder TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer_sealed BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (pair_id, key_hash)
);
CREATE INDEX idempotent_call_created ON idempotent_call (pair_id, created_at);

-- +goose Down
DROP TABLE idempotent_call;
DROP TABLE send;
DROP TABLE user_mapping;
DROP TABLE visitor_session;
DROP TABLE signin_flow;
DROP TABLE span_key;
DROP TABLE link;
