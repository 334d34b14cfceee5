-- "My Documents in Content": files that reports are kept in.

-- +goose Up
CREATE TABLE document (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    name_fold TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    content BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    modified_by BIGINT NOT NULL,
    PRIMARY KEY (eid, name_fold)
);

-- +goose Down
DROP TABLE document;
