-- What somebody mends after a look of the doctor. Times are domain time; ended_at is 0 while it is under way.

-- +goose Up
CREATE TABLE doctor_fix (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    fix_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    -- A JSON array of the mends, with what became of each.
    mends TEXT NOT NULL,
    PRIMARY KEY (pair_id, fix_id)
);

-- +goose Down
DROP TABLE doctor_fix;
