-- By what the managed package's connected app was known in an org that removed the package: a packaged app is its
-- publisher's, and has the same key and certificate when the package is installed again.

-- +goose Up
CREATE TABLE package_app (
    org_id TEXT NOT NULL PRIMARY KEY REFERENCES organization (id) ON DELETE CASCADE,
    consumer_key TEXT NOT NULL,
    -- PEM; '' for none.
    certificate TEXT NOT NULL
);

-- +goose Down
DROP TABLE package_app;
