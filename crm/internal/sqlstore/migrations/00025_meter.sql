-- The meter of API requests (DESIGN 5.7): a rolling window of 24 hours for each org and allowance, kept by minute of the
-- org's own time.

-- +goose Up
-- The row that everybody locks who changes an org's window, with the window's sum as of its last minute.
CREATE TABLE api_meter (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    allowance TEXT NOT NULL,
    -- Minutes since 1970 UTC: the last one of the window that total is the sum of.
    minute BIGINT NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (org_id, allowance)
);

-- What each process holds of a minute: calls that it made, and while it is busy those that it may still make. A process
-- writes its own rows alone. What a process that was killed held stays counted until the minute leaves the window.
CREATE TABLE api_usage (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    allowance TEXT NOT NULL,
    minute BIGINT NOT NULL,
    process BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (org_id, allowance, minute, process)
);

-- Who called, by hour: for people to read, apart from the limit.
CREATE TABLE api_usage_hour (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    -- Hours since 1970 UTC.
    hour BIGINT NOT NULL,
    -- '' for a session that no connected app made.
    app_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    counted BIGINT NOT NULL,
    exempt BIGINT NOT NULL,
    PRIMARY KEY (org_id, hour, app_id, user_id)
);

-- +goose Down
DROP TABLE api_usage_hour;
DROP TABLE api_usage;
DROP TABLE api_meter;
