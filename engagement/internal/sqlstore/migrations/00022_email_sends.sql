-- Sends to whole audiences: lists and data extensions. And what became of asynchronous requests.

-- +goose Up
-- The list that a message went to a member of; 0 for All Subscribers and for recipients named otherwise.
ALTER TABLE message ADD COLUMN list_id BIGINT NOT NULL DEFAULT 0;
-- The email_send that the message is of; 0 for triggered ones.
ALTER TABLE message ADD COLUMN send_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tracking_event ADD COLUMN send_id BIGINT NOT NULL DEFAULT 0;
CREATE INDEX message_send ON message (eid, send_id, state) WHERE send_id > 0;
CREATE INDEX tracking_event_send ON tracking_event (eid, send_id, kind) WHERE send_id > 0;

-- What a Send sends, to whom and how far it has come. The email is as it was when the send began.
CREATE TABLE email_send (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    mid BIGINT NOT NULL,
    object_id TEXT NOT NULL,
    -- The email_send_definition that was started; '' for none.
    definition_id TEXT NOT NULL,
    email_id BIGINT NOT NULL,
    email_key TEXT NOT NULL,
    email_name TEXT NOT NULL,
    subject TEXT NOT NULL,
    pre_header TEXT NOT NULL,
    html_body TEXT NOT NULL,
    text_body TEXT NOT NULL,
    is_commercial INTEGER NOT NULL,
    from_name TEXT NOT NULL,
    from_address TEXT NOT NULL,
    track_links INTEGER NOT NULL,
    -- Whether an address gets one message only.
    is_deduplicated INTEGER NOT NULL,
    -- tenant.Audience as JSON.
    audience TEXT NOT NULL,
    -- Spreading, Spread, Failed (tenant.EmailSendState), with the reason of a failure.
    state TEXT NOT NULL,
    status_text TEXT NOT NULL DEFAULT '',
    -- The source of the audience that is being read, and the last of it that was.
    source_at INTEGER NOT NULL DEFAULT 0,
    read_to TEXT NOT NULL DEFAULT '',
    excluded INTEGER NOT NULL DEFAULT 0,
    errored INTEGER NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);

CREATE TABLE email_send_definition (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    key_fold TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- Customer keys of the send classification and of the sender profile; '' for the classification's profile.
    classification TEXT NOT NULL,
    profile_key TEXT NOT NULL,
    email_id BIGINT NOT NULL,
    -- '' for the email's own.
    subject TEXT NOT NULL,
    track_links INTEGER NOT NULL,
    is_deduplicated INTEGER NOT NULL,
    audience TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX email_send_definition_key ON email_send_definition (eid, mid, key_fold);

-- What became of each object of an asynchronous request.
CREATE TABLE request_result (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    mid BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    object_type TEXT NOT NULL,
    status_code TEXT NOT NULL,
    status_message TEXT NOT NULL,
    error_code INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE INDEX request_result_request ON request_result (eid, request_id);
CREATE INDEX request_result_age ON request_result (eid, created_at);

-- +goose Down
DROP TABLE request_result;
DROP TABLE email_send_definition;
DROP TABLE email_send;
DROP INDEX tracking_event_send;
DROP INDEX message_send;
ALTER TABLE tracking_event DROP COLUMN send_id;
ALTER TABLE message DROP COLUMN send_id;
ALTER TABLE message DROP COLUMN list_id;
