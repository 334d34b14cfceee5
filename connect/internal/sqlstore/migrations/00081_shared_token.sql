-- Access tokens of the users of the spans, sealed by the vault, for all processes that share the database: one for each
-- span. They are fetched by whoever holds the lease.

-- +goose Up
CREATE TABLE shared_token (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    -- SHA-256 of whose token it is, by which driver and at which address
    token_key BYTEA NOT NULL,
    -- NULL where there is none
    token_sealed BYTEA,
    -- SHA-256 of the token
    token_hash BYTEA,
    -- domain time
    expires_at BIGINT NOT NULL,
    -- machine time
    lease_until BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (pair_id, direction)
);

-- +goose Down
DROP TABLE shared_token;
