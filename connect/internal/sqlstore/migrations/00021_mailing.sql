-- Sends to an audience of the org: a contact, a lead, a campaign, a report or a Salesforce data extension, with each
-- recipient and what became of him. Times are domain time.

-- +goose Up
CREATE TABLE mailing (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    mailing_id TEXT NOT NULL,
    -- Order of asking within a pair: sends that were held go out in it.
    position BIGINT NOT NULL,
    -- 'few' or 'many': a message to one person does not wait behind a campaign.
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- JSON array of record ids, or of one external key.
    audience TEXT NOT NULL,
    definition_key TEXT NOT NULL,
    crm_user_id TEXT NOT NULL,
    crm_username TEXT NOT NULL,
    -- 1 where only records that the user owns are reached.
    scoped INTEGER NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    -- scheduled, held, queued, running, completed, failed, cancelled
    state TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- Where reading the audience has come to.
    cursor_at TEXT NOT NULL,
    collected INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    ended_at BIGINT NOT NULL,
    PRIMARY KEY (pair_id, mailing_id)
);
CREATE UNIQUE INDEX mailing_position ON mailing (pair_id, position);
CREATE INDEX mailing_open ON mailing (state, pair_id, due_at) WHERE state IN ('scheduled', 'held', 'queued', 'running');

CREATE TABLE mailing_recipient (
    pair_id TEXT NOT NULL,
    mailing_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    record_id TEXT NOT NULL,
    address TEXT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    full_name TEXT NOT NULL,
    -- planned, intended, accepted, sent, not_sent, in_doubt, refused
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (pair_id, mailing_id, position),
    FOREIGN KEY (pair_id, mailing_id) REFERENCES mailing (pair_id, mailing_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX mailing_recipient_record ON mailing_recipient (pair_id, mailing_id, record_id);
CREATE INDEX mailing_recipient_status ON mailing_recipient (pair_id, mailing_id, status, position);

-- How a pair sends.
CREATE TABLE send_setting (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    -- 1 where users reach their own records alone.
    scope_by_user INTEGER NOT NULL
);

-- +goose Down
DROP TABLE send_setting;
DROP TABLE mailing_recipient;
DROP TABLE mailing;
