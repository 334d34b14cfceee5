-- What Individual Email Results hang on: the managed package's records of sends and of triggered sends.

-- +goose Up
CREATE TABLE et4ae5__senddefinition__c (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    custom JSON NOT NULL DEFAULT '{}',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE et4ae5__triggeredsenddefinition__c (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    custom JSON NOT NULL DEFAULT '{}',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- +goose Down
DROP TABLE et4ae5__triggeredsenddefinition__c;
DROP TABLE et4ae5__senddefinition__c;
