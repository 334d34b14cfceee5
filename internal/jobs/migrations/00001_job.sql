-- Durable work. Times are machine time in milliseconds since 1970 UTC.

-- +goose Up
CREATE TABLE job (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    -- At most one job with the key is queued or running; NULL for jobs that may be many.
    unique_key TEXT,
    payload TEXT NOT NULL,
    -- queued, running, done, failed, cancelled
    state TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    -- Grows with each claim. Who holds an older number holds nothing.
    fence BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until BIGINT,
    checkpoint TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE UNIQUE INDEX job_unique_key ON job (unique_key) WHERE unique_key IS NOT NULL AND state IN ('queued', 'running');
CREATE INDEX job_due ON job (run_at) WHERE state = 'queued';
CREATE INDEX job_lease ON job (lease_until) WHERE state = 'running';
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;

-- +goose Down
DROP TABLE job;
