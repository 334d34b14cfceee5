-- Users who were mapped before an upgrade, and what became of each when they were reconnected. A user's outcome is stored
-- with his mapping.

-- +goose Up
CREATE TABLE migration_run (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    run_id TEXT NOT NULL,
    -- Of the job that works on it, or did last.
    job_id TEXT NOT NULL,
    -- '' where it stands alone
    upgrade_id TEXT NOT NULL,
    -- link.upgraded_at when it began
    upgraded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- 1: of those who failed in a run before
    retry INTEGER NOT NULL,
    -- 1: who is not approved fails
    final INTEGER NOT NULL,
    -- planning, migrating, proving, writing, over
    phase TEXT NOT NULL,
    pass INTEGER NOT NULL,
    cancelled INTEGER NOT NULL DEFAULT 0,
    -- 1: being undone, 2: undone
    undone INTEGER NOT NULL DEFAULT 0,
    -- id of the last CRM user for whom a row was made
    planned_after TEXT NOT NULL DEFAULT '',
    total BIGINT NOT NULL DEFAULT 0,
    reconnected BIGINT NOT NULL DEFAULT 0,
    waiting BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    -- machine time
    pace_since BIGINT NOT NULL DEFAULT 0,
    pace_before BIGINT NOT NULL DEFAULT 0,
    pace_last BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (pair_id, run_id)
);
CREATE INDEX migration_run_created ON migration_run (pair_id, created_at);
CREATE UNIQUE INDEX migration_run_upgrade ON migration_run (pair_id, upgrade_id) WHERE upgrade_id <> '' AND retry = 0;

CREATE TABLE migration_user (
    pair_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    crm_user_id TEXT NOT NULL,
    crm_username TEXT NOT NULL,
    crm_name TEXT NOT NULL,
    engagement_username TEXT NOT NULL,
    engagement_mid BIGINT NOT NULL,
    -- user_mapping.created_at
    mapped_at BIGINT NOT NULL,
    -- planned, intended, reconnected, waiting, failed
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    pass INTEGER NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    settled_at BIGINT NOT NULL,
    -- of the audit entry about the outcome; 0 before
    audit_seq BIGINT NOT NULL,
    PRIMARY KEY (pair_id, run_id, position),
    FOREIGN KEY (pair_id, run_id) REFERENCES migration_run (pair_id, run_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX migration_user_crm_user ON migration_user (pair_id, run_id, crm_user_id);
CREATE INDEX migration_user_status ON migration_user (pair_id, run_id, status, position);

-- The files of a pass. A name is one enterprise's, whichever of its pairs writes it.
CREATE TABLE migration_file (
    pair_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    pass INTEGER NOT NULL,
    eid BIGINT NOT NULL,
    stem TEXT NOT NULL,
    -- named, written, off, failed
    state TEXT NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (pair_id, run_id, pass),
    FOREIGN KEY (pair_id, run_id) REFERENCES migration_run (pair_id, run_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX migration_file_name ON migration_file (eid, stem) WHERE stem <> '';

-- +goose Down
DROP TABLE migration_file;
DROP TABLE migration_user;
DROP TABLE migration_run;
