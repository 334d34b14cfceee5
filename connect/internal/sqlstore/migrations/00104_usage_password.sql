-- Calls under a stored password count against the org's limit, so they are kept apart.

-- +goose Up
ALTER TABLE call_usage RENAME TO call_usage_before;
CREATE TABLE call_usage (
    pair_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    -- org, engagement
    cloud TEXT NOT NULL,
    -- rest, soap, bulk, oauth, other
    api TEXT NOT NULL,
    -- 1: the span into the org signed in by a stored password
    by_password INTEGER NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (pair_id, hour, cloud, api, by_password)
);
INSERT INTO call_usage (pair_id, hour, cloud, api, by_password, calls) SELECT pair_id, hour, cloud, api, 0, calls FROM call_usage_before;
DROP TABLE call_usage_before;

-- +goose Down
ALTER TABLE call_usage RENAME TO call_usage_after;
CREATE TABLE call_usage (
    pair_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    cloud TEXT NOT NULL,
    api TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (pair_id, hour, cloud, api)
);
INSERT INTO call_usage (pair_id, hour, cloud, api, calls) SELECT pair_id, hour, cloud, api, SUM(calls) FROM call_usage_after GROUP BY pair_id, hour, cloud, api;
DROP TABLE call_usage_after;
