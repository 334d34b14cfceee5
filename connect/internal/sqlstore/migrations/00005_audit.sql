-- The record of changes: a signed chain for each connection.

-- +goose Up
CREATE TABLE audit_key (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    key_sealed BYTEA NOT NULL CHECK (length(key_sealed) > 0)
);

-- Where each chain ends. Its row is what makes entries of concurrent changes follow one another.
CREATE TABLE audit_head (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    signature BYTEA NOT NULL
);

CREATE TABLE audit_entry (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL,
    signature BYTEA NOT NULL,
    PRIMARY KEY (pair_id, seq)
);

-- The entry whose digest holds the line's outcome; 0 while it has none.
ALTER TABLE mapping_import_line ADD COLUMN audit_seq BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE mapping_import_line DROP COLUMN audit_seq;
DROP TABLE audit_entry;
DROP TABLE audit_head;
DROP TABLE audit_key;
