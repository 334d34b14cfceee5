-- Whom exceptions are mailed to, and of which causes he was told.

-- +goose Up
CREATE TABLE notice_recipient (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    PRIMARY KEY (pair_id, address)
);

CREATE TABLE notice_mail (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    -- org, engagement, integration_user
    subject TEXT NOT NULL,
    cause_code TEXT NOT NULL,
    recipient TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    mailed INTEGER NOT NULL,
    PRIMARY KEY (pair_id, subject, cause_code, recipient)
);

-- +goose Down
DROP TABLE notice_mail;
DROP TABLE notice_recipient;
