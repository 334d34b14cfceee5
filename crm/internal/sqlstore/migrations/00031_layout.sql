-- Page layouts that somebody changed; those that nobody did are in the program.

-- +goose Up
CREATE TABLE layout (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    -- JSON
    sections TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    PRIMARY KEY (org_id, name)
);

-- +goose Down
DROP TABLE layout;
