-- Who is mailed when the org has used so much of its API requests of 24 hours.

-- +goose Up
CREATE TABLE usage_notice (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    -- Percent of the limit.
    threshold BIGINT NOT NULL,
    -- At most one mail in so many hours of the org's time.
    interval_hours BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    -- 1 until a mail says that the threshold was reached, and again once use has fallen below it.
    armed SMALLINT NOT NULL,
    -- The org's time of the last mail; 0 before the first.
    sent_ms BIGINT NOT NULL,
    PRIMARY KEY (org_id, user_id, threshold)
);

-- +goose Down
DROP TABLE usage_notice;
