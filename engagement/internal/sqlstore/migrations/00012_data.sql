-- Data extensions: tables that the tenant's users define. Names folded by Go stand in *_fold columns.

-- +goose Up
CREATE TABLE data_extension (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    key_fold TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    is_sendable INTEGER NOT NULL,
    -- The field that a send reads the subscriber from, and what it is compared with; '' where it is not sendable.
    send_field TEXT NOT NULL,
    send_subscriber_field TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX data_extension_key ON data_extension (eid, mid, key_fold);

CREATE TABLE data_extension_field (
    eid BIGINT NOT NULL,
    extension_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_fold TEXT NOT NULL,
    field_type TEXT NOT NULL,
    max_length INTEGER NOT NULL,
    scale INTEGER NOT NULL,
    is_primary_key INTEGER NOT NULL,
    is_required INTEGER NOT NULL,
    default_value TEXT NOT NULL,
    PRIMARY KEY (eid, extension_id, name_fold),
    FOREIGN KEY (eid, extension_id) REFERENCES data_extension (eid, id) ON DELETE CASCADE
);

CREATE TABLE data_extension_row (
    eid BIGINT NOT NULL,
    extension_id TEXT NOT NULL,
    -- The primary key's values, folded and joined; a GUID where the data extension has no primary key.
    row_key TEXT NOT NULL,
    -- A JSON object of field names and texts.
    row_values TEXT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, extension_id, row_key),
    FOREIGN KEY (eid, extension_id) REFERENCES data_extension (eid, id) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE data_extension_row;
DROP TABLE data_extension_field;
DROP TABLE data_extension;
