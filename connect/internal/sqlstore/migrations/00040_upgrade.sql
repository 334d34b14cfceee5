-- Upgrades of a connection: to Connected App authentication (document 003), to tenant-specific OAuth (document 002). One row
-- an upgrade, one a step. Times are domain time; 0 is none.

-- +goose Up
CREATE TABLE upgrade (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    upgrade_id TEXT NOT NULL,
    -- Order of starting within a pair.
    position BIGINT NOT NULL,
    -- connected_app, tenant_oauth
    kind TEXT NOT NULL,
    -- safe, documented
    step_order TEXT NOT NULL,
    -- booked, running, waiting, cancelling, cancelled, watching, done
    state TEXT NOT NULL,
    -- The step that it is at; '' before the first and after the last.
    step TEXT NOT NULL,
    -- When the outage opens, 0 for as soon as it may; how long it lasts in milliseconds; 'hold' or 'fail'.
    booked_at BIGINT NOT NULL,
    window_ms BIGINT NOT NULL,
    mode TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When the outage was opened, and when everything was over.
    opened_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    -- JSON: for whom or what it waits, '' for nothing.
    waiting TEXT NOT NULL,
    -- JSON array of what was found beside the steps.
    findings TEXT NOT NULL,
    -- Why the last attempt at the step failed, where the failure was one of the moment.
    failure TEXT NOT NULL,
    -- Who cancelled, and why.
    cancelled_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- 1 while nothing else may be upgraded, and the old credentials are kept.
    live INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (pair_id, upgrade_id)
);
CREATE UNIQUE INDEX upgrade_position ON upgrade (pair_id, position);
CREATE UNIQUE INDEX upgrade_live ON upgrade (pair_id) WHERE live = 1;

CREATE TABLE upgrade_step (
    pair_id TEXT NOT NULL,
    upgrade_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    step TEXT NOT NULL,
    -- engagement_admin, crm_admin, connect
    owner TEXT NOT NULL,
    -- planned, intended, done, undone
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    -- Who told Connect that the step may be done, or was done, and when; '' for nobody yet.
    told_by TEXT NOT NULL,
    told_at BIGINT NOT NULL,
    -- 1 where whoever told it goes on without what is missing.
    anyway INTEGER NOT NULL,
    began_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    -- What was read last, and what is wanted.
    have TEXT NOT NULL,
    want TEXT NOT NULL,
    -- JSON of what stood before the step, for the way back; '' for nothing.
    stood TEXT NOT NULL,
    -- JSON of what the step keeps for later; '' for nothing.
    kept TEXT NOT NULL,
    PRIMARY KEY (pair_id, upgrade_id, position),
    FOREIGN KEY (pair_id, upgrade_id) REFERENCES upgrade (pair_id, upgrade_id) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE upgrade_step;
DROP TABLE upgrade;
