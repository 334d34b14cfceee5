-- Forms that were sent and do their work once; rows of a day are kept.

-- +goose Up
CREATE TABLE form_sent (
    -- SHA-256 over the key of the rendering and all that was sent with it.
    form_hash BYTEA PRIMARY KEY,
    -- Machine time, milliseconds since 1970 UTC.
    sent_at BIGINT NOT NULL
);
CREATE INDEX form_sent_at ON form_sent (sent_at);

-- +goose Down
DROP TABLE form_sent;
