-- Changes of the API user's credentials: what was paused for one, so that it is set going again whatever happens between.

-- +goose Up
CREATE TABLE api_user_change (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    -- pausing, paused, resuming, resumed
    step TEXT NOT NULL,
    api_user TEXT NOT NULL,
    actor TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    -- A JSON array of what was active when it began.
    items TEXT NOT NULL,
    revision BIGINT NOT NULL
);

-- +goose Down
DROP TABLE api_user_change;
