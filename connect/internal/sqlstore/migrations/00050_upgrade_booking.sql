-- Outages of upgrades that were booked, and the mails to both admins about them. Times are domain time where nothing else is
-- said; 0 is none.

-- +goose Up
CREATE TABLE upgrade_booking (
    pair_id TEXT NOT NULL,
    upgrade_id TEXT NOT NULL,
    -- 1 where the outage opens only once the sends that are due before its end have completed.
    after_sends INTEGER NOT NULL,
    -- When it was booked, or moved last.
    booked_at BIGINT NOT NULL,
    -- JSON arrays of addresses.
    engagement_admins TEXT NOT NULL,
    crm_admins TEXT NOT NULL,
    -- 1 once nobody is told anything more.
    told INTEGER NOT NULL,
    PRIMARY KEY (pair_id, upgrade_id),
    FOREIGN KEY (pair_id, upgrade_id) REFERENCES upgrade (pair_id, upgrade_id) ON DELETE CASCADE
);

CREATE TABLE upgrade_mail (
    pair_id TEXT NOT NULL,
    upgrade_id TEXT NOT NULL,
    -- What it tells: 'booked@MS', 'soon@MS', 'opened', 'closed', 'withdrawn'.
    event TEXT NOT NULL,
    recipient TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    mailed INTEGER NOT NULL,
    -- Machine time until which a process is sending it.
    lease_until BIGINT NOT NULL,
    PRIMARY KEY (pair_id, upgrade_id, event, recipient),
    FOREIGN KEY (pair_id, upgrade_id) REFERENCES upgrade_booking (pair_id, upgrade_id) ON DELETE CASCADE
);
CREATE INDEX upgrade_mail_open ON upgrade_mail (pair_id, upgrade_id) WHERE mailed = 0;

-- +goose Down
DROP TABLE upgrade_mail;
DROP TABLE upgrade_booking;
