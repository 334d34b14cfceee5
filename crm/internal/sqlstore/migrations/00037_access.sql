-- What permission sets, those that profiles own among them, allow of objects and fields; and which standard objects are
-- private to their records' owners. An org without rows for its profiles has what a new one has (org.NewDataAccess).

-- +goose Up
CREATE TABLE object_permissions (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    sobject_type TEXT NOT NULL,
    permissions_create INTEGER NOT NULL DEFAULT 0,
    permissions_read INTEGER NOT NULL DEFAULT 0,
    permissions_edit INTEGER NOT NULL DEFAULT 0,
    permissions_delete INTEGER NOT NULL DEFAULT 0,
    permissions_view_all_records INTEGER NOT NULL DEFAULT 0,
    permissions_modify_all_records INTEGER NOT NULL DEFAULT 0,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX object_permissions_pair ON object_permissions (org_id, parent_id, sobject_type);

CREATE TABLE field_permissions (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    sobject_type TEXT NOT NULL,
    -- "Contact.Title"
    field TEXT NOT NULL,
    permissions_read INTEGER NOT NULL DEFAULT 0,
    permissions_edit INTEGER NOT NULL DEFAULT 0,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX field_permissions_pair ON field_permissions (org_id, parent_id, field);

CREATE TABLE sharing_default (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    object TEXT NOT NULL,
    -- 'Private', 'Read' or 'ReadWrite'
    model TEXT NOT NULL,
    PRIMARY KEY (org_id, object)
);

-- +goose Down
DROP TABLE sharing_default;
DROP TABLE field_permissions;
DROP TABLE object_permissions;
