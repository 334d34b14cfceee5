-- How connections are looked at again and again, the rounds, and what is to be told of them.

-- +goose Up
CREATE TABLE doctor_watch (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    -- 0 where nobody said anything; what is said then is the program's.
    said INTEGER NOT NULL,
    every_s BIGINT NOT NULL,
    severity TEXT NOT NULL,
    -- Scheme, host and port of the webhook; '' where there is none. Its address and secret, JSON, are sealed.
    origin TEXT NOT NULL,
    target_sealed BYTEA,
    -- Machine time when the last round was taken up.
    looked_at BIGINT NOT NULL,
    -- Number of the last round.
    seq BIGINT NOT NULL
);

CREATE TABLE doctor_round (
    pair_id TEXT NOT NULL REFERENCES doctor_watch (pair_id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    -- Domain time.
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (pair_id, seq)
);

CREATE TABLE doctor_delivery (
    pair_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    channel TEXT NOT NULL,
    target TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    -- 'due', 'done' or 'failed'.
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    -- Machine time of the next try, while it is due.
    next_at BIGINT NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (pair_id, seq, channel, target),
    FOREIGN KEY (pair_id, seq) REFERENCES doctor_round (pair_id, seq) ON DELETE CASCADE
);
CREATE INDEX doctor_delivery_due ON doctor_delivery (next_at) WHERE state = 'due';

-- +goose Down
DROP TABLE doctor_delivery;
DROP TABLE doctor_round;
DROP TABLE doctor_watch;
