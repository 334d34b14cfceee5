-- What messages that Connect handed over reported back, and how far the two clouds were read for it.

-- +goose Up
CREATE TABLE tracking_state (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    -- Machine time at which somebody began to read last.
    claimed_at BIGINT NOT NULL,
    -- Machine time until which somebody reads; 0 where nobody does.
    lease_until BIGINT NOT NULL,
    -- Domain time up to which was read: events, unsubscriptions in the tenant, opt-outs in the org. 0 before the first time.
    events_until BIGINT NOT NULL,
    unsubscribed_until BIGINT NOT NULL,
    opted_out_until BIGINT NOT NULL,
    -- Why reading failed last; '' where it did not.
    error_code TEXT NOT NULL,
    error TEXT NOT NULL
);

CREATE TABLE email_result (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    message_key TEXT NOT NULL,
    mailing_id TEXT NOT NULL,
    definition_key TEXT NOT NULL,
    -- The definition's key in lower case: the tenant's keys have no case.
    definition_fold TEXT NOT NULL,
    crm_record_id TEXT NOT NULL,
    -- The message's id in the tenant; '' where it is not known.
    tracking_id TEXT NOT NULL,
    sent_at BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    clicks INTEGER NOT NULL,
    unique_clicks INTEGER NOT NULL,
    hard_bounce INTEGER NOT NULL,
    soft_bounce INTEGER NOT NULL,
    bounced_at BIGINT NOT NULL,
    unsubscribed_at BIGINT NOT NULL,
    -- Of the Individual Email Result in the org; '' before it is made.
    result_id TEXT NOT NULL,
    -- 1 where making it has begun and the outcome is not recorded.
    intended INTEGER NOT NULL,
    -- 1 where the org does not have it as it is here.
    dirty INTEGER NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (pair_id, message_key)
);
CREATE INDEX email_result_record ON email_result (pair_id, crm_record_id);
CREATE INDEX email_result_dirty ON email_result (pair_id, message_key) WHERE dirty = 1;
CREATE INDEX mailing_recipient_person ON mailing_recipient (pair_id, record_id);

-- Events that were taken over, so that none counts twice.
CREATE TABLE email_event (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    event_hash BYTEA NOT NULL,
    message_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    url_hash BYTEA,
    happened_at BIGINT NOT NULL,
    PRIMARY KEY (pair_id, event_hash)
);
CREATE INDEX email_event_url ON email_event (pair_id, message_key, url_hash);

-- Records of the org that results hang on: of a mailing, or of a triggered send definition.
CREATE TABLE result_parent (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    parent_key TEXT NOT NULL,
    crm_record_id TEXT NOT NULL,
    PRIMARY KEY (pair_id, parent_key)
);

-- +goose Down
DROP TABLE result_parent;
DROP TABLE email_event;
DROP INDEX mailing_recipient_person;
DROP TABLE email_result;
DROP TABLE tracking_state;
