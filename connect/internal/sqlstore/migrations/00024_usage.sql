-- How many calls Connect made to each cloud, by hour of domain time.

-- +goose Up
CREATE TABLE call_usage (
    pair_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    -- org, engagement
    cloud TEXT NOT NULL,
    -- rest, soap, bulk, oauth, other
    api TEXT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (pair_id, hour, cloud, api)
);

-- +goose Down
DROP TABLE call_usage;
