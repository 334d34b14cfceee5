-- Lists of users who are to be mapped, and what became of each line. A line's outcome is stored with its mapping.

-- +goose Up
CREATE TABLE mapping_import (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    import_id TEXT NOT NULL,
    -- Of the job that works on it; '' while its lines are being stored.
    job_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (pair_id, import_id)
);
CREATE INDEX mapping_import_created ON mapping_import (pair_id, created_at);

CREATE TABLE mapping_import_line (
    pair_id TEXT NOT NULL,
    import_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    crm_username TEXT NOT NULL,
    engagement_username TEXT NOT NULL,
    engagement_mid BIGINT NOT NULL,
    -- planned, intended, done, failed
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (pair_id, import_id, position),
    FOREIGN KEY (pair_id, import_id) REFERENCES mapping_import (pair_id, import_id) ON DELETE CASCADE
);
CREATE INDEX mapping_import_line_status ON mapping_import_line (pair_id, import_id, status, position);

-- +goose Down
DROP TABLE mapping_import_line;
DROP TABLE mapping_import;
