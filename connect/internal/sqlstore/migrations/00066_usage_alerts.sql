-- At which use of the org's API people are told: thresholds in percent of its limit, as a JSON array, and a number of
-- Connect's own calls that count, 0 for none.

-- +goose Up
CREATE TABLE usage_alert (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    percents TEXT NOT NULL,
    counted BIGINT NOT NULL
);

-- +goose Down
DROP TABLE usage_alert;
