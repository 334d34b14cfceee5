-- Records in the recycle bin whose children are still to follow: they are more than one transaction takes, and a job of
-- the queue goes on with them. Until the row goes, the children are not seen.

-- +goose Up
CREATE TABLE bin_pending (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    object TEXT NOT NULL,
    -- Who deleted it.
    user_id TEXT NOT NULL,
    -- 1: it goes for good when its children have.
    hard INTEGER NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- +goose Down
DROP TABLE bin_pending;
