-- What a cloud refused of one person or result while opt-outs and results were brought back: it is tried again, later
-- each time, and given up in the end; nobody else waits for it.

-- +goose Up
CREATE TABLE tracking_refusal (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    -- 'result', 'opt_out', 'unsubscribe'
    want TEXT NOT NULL,
    -- Message key of a result, else the id of a contact or lead.
    subject TEXT NOT NULL,
    -- How often it was refused.
    attempts INTEGER NOT NULL,
    -- Machine time before which it is not tried again; 0 where it was given up.
    retry_at BIGINT NOT NULL,
    -- The last refusal: domain time, and the cloud's words.
    refused_at BIGINT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (pair_id, want, subject)
);

-- +goose Down
DROP TABLE tracking_refusal;
