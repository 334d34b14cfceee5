-- The data keys under which the secrets of this database are sealed, wrapped by the master key, which is not in it.

-- +goose Up
CREATE TABLE vault_keyset (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    wrapped BYTEA NOT NULL CHECK (length(wrapped) > 0),
    revision BIGINT NOT NULL,
    -- 1 while values are being sealed anew under the newest key.
    pending INTEGER NOT NULL,
    -- When the newest key came, in machine time, milliseconds since 1970 UTC.
    renewed_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE vault_keyset;
