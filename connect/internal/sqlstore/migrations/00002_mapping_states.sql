-- What became of mappings: refused by Engagement, held by a handle in the org, cleared, with who did it and why.

-- +goose Up
-- When Engagement first refused the mapped user, 0 while it does not.
ALTER TABLE user_mapping ADD COLUMN broken_at BIGINT NOT NULL DEFAULT 0;
-- SHA-256 of the handle in the User field, below package 5.493; NULL from there on.
ALTER TABLE user_mapping ADD COLUMN handle_hash BYTEA;

-- One row for each clearing, never changed but for "latest".
CREATE TABLE mapping_clear (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    clear_id TEXT NOT NULL,
    -- 1 while this is what last happened to the CRM user's mapping: he is listed as cleared.
    latest INTEGER NOT NULL,
    crm_user_id TEXT NOT NULL,
    crm_username TEXT NOT NULL,
    crm_name TEXT NOT NULL,
    engagement_user_id TEXT NOT NULL,
    engagement_username TEXT NOT NULL,
    engagement_name TEXT NOT NULL,
    engagement_mid BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    cleared_at BIGINT NOT NULL,
    PRIMARY KEY (pair_id, clear_id)
);
CREATE INDEX mapping_clear_latest ON mapping_clear (pair_id, latest, crm_username);

-- +goose Down
DROP TABLE mapping_clear;
ALTER TABLE user_mapping DROP COLUMN handle_hash;
ALTER TABLE user_mapping DROP COLUMN broken_at;
