-- Jobs of the Bulk API 2.0. What clients upload and what they fetch is kept here and not in files, so that every process
-- on the database can take a job up.

-- +goose Up
CREATE TABLE bulk_job (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    -- 'ingest' or 'query'
    kind TEXT NOT NULL,
    user_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    delegate_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    object TEXT NOT NULL,
    external_id TEXT NOT NULL,
    query TEXT NOT NULL,
    crlf SMALLINT NOT NULL,
    delimiter TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    modified_ms BIGINT NOT NULL,
    -- Names the upload whose chunks count; '' before there is one.
    upload TEXT NOT NULL,
    uploaded SMALLINT NOT NULL,
    -- Bytes uploaded, and where among them the first row is that has not been processed.
    size BIGINT NOT NULL,
    next_byte BIGINT NOT NULL,
    -- Batches of the daily allowance that were spent.
    spent BIGINT NOT NULL,
    processed BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    error TEXT NOT NULL,
    millis BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX bulk_job_by_time ON bulk_job (org_id, kind, created_ms, id);

-- All chunks of an upload but the last have the same length.
CREATE TABLE bulk_chunk (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    job_id TEXT NOT NULL,
    upload TEXT NOT NULL,
    seq BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (org_id, job_id, upload, seq)
);

-- Results as CSV without a header: rows that succeeded or that a query found, and rows that failed.
CREATE TABLE bulk_page (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    job_id TEXT NOT NULL,
    -- 0 or 1 for failed
    failed SMALLINT NOT NULL,
    -- The first row's place: its byte in the upload, or its number in the answer.
    seq BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (org_id, job_id, failed, seq)
);

-- +goose Down
DROP TABLE bulk_page;
DROP TABLE bulk_chunk;
DROP TABLE bulk_job;
