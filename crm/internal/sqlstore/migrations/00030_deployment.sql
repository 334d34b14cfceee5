-- Deployments of the Metadata API. The zip is kept here and not in a file, so that every process on the database can take
-- a deployment up.

-- +goose Up
CREATE TABLE deployment (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    app_id TEXT NOT NULL,
    delegate_id TEXT NOT NULL,
    api BIGINT NOT NULL,
    -- JSON
    options TEXT NOT NULL,
    status TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    started_ms BIGINT,
    completed_ms BIGINT,
    modified_ms BIGINT NOT NULL,
    -- JSON
    messages TEXT NOT NULL,
    -- NULL once it has ended
    zip BYTEA,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX deployment_unfinished ON deployment (org_id) WHERE zip IS NOT NULL;

-- +goose Down
DROP TABLE deployment;
