-- The integration user of document 004: one for each connection, his secrets sealed by the vault.

-- +goose Up
CREATE TABLE integration_user (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    username TEXT NOT NULL,
    user_id TEXT NOT NULL,
    org_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    state TEXT NOT NULL,
    cause_code TEXT NOT NULL,
    cause_text TEXT NOT NULL,
    connected_at BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    secrets_sealed BYTEA NOT NULL CHECK (length(secrets_sealed) > 0)
);

-- +goose Down
DROP TABLE integration_user;
