-- Rows of data extensions. Rows hold their values by the number of the field, which is never given twice, so that a field
-- can be renamed or removed without touching them.

-- +goose Up
ALTER TABLE data_extension_field ADD COLUMN slot BIGINT NOT NULL DEFAULT 0;
ALTER TABLE data_extension ADD COLUMN next_slot BIGINT NOT NULL DEFAULT 1;
ALTER TABLE data_extension ADD COLUMN row_count BIGINT NOT NULL DEFAULT 0;
-- A removed one keeps its row, under no key, until a job has removed its rows.
ALTER TABLE data_extension ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;

-- One asynchronous request to write rows.
CREATE TABLE data_load (
    id TEXT PRIMARY KEY,
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    extension_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    -- The rows as a JSON list of objects of field names and texts; '[]' once all are done.
    items TEXT NOT NULL,
    item_count INTEGER NOT NULL,
    -- How many of them are done, and what was wrong with some, a JSON list of tenant.LoadFailure.
    done_count INTEGER NOT NULL DEFAULT 0,
    failures TEXT NOT NULL DEFAULT '[]',
    called_at BIGINT NOT NULL,
    picked_up_at BIGINT NOT NULL DEFAULT 0,
    completed_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX data_load_age ON data_load (eid, called_at);

-- +goose Down
DROP TABLE data_load;
ALTER TABLE data_extension_field DROP COLUMN slot;
ALTER TABLE data_extension DROP COLUMN deleted_at;
ALTER TABLE data_extension DROP COLUMN row_count;
ALTER TABLE data_extension DROP COLUMN next_slot;
