-- What the tenant sends: emails, definitions, senders, subscribers and messages. The same conventions as in 00001; names
-- folded by Go stand in *_fold columns.

-- +goose Up
CREATE TABLE email (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    id BIGINT NOT NULL,
    object_id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    key_fold TEXT NOT NULL,
    name TEXT NOT NULL,
    subject TEXT NOT NULL,
    pre_header TEXT NOT NULL,
    html_body TEXT NOT NULL,
    text_body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX email_key ON email (eid, mid, key_fold);

CREATE TABLE send_definition (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    id TEXT NOT NULL,
    definition_key TEXT NOT NULL,
    key_fold TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    classification TEXT NOT NULL,
    status TEXT NOT NULL,
    email_key TEXT NOT NULL,
    email_key_fold TEXT NOT NULL,
    list_key TEXT NOT NULL,
    from_name TEXT NOT NULL,
    from_address TEXT NOT NULL,
    auto_add INTEGER NOT NULL,
    auto_update INTEGER NOT NULL,
    track_links INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
-- A deleted definition keeps its row for the messages that name it; its key is free again.
CREATE UNIQUE INDEX send_definition_key ON send_definition (eid, mid, key_fold) WHERE status <> 'Deleted';

CREATE TABLE verified_sender (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    -- The address (UserDomain) or domain, folded.
    domain_fold TEXT NOT NULL,
    mid BIGINT NOT NULL,
    kind TEXT NOT NULL,
    domain TEXT NOT NULL,
    from_name TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    is_sendable INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (eid, domain_fold)
);
CREATE UNIQUE INDEX verified_sender_default ON verified_sender (eid) WHERE is_default = 1;

-- The All Subscribers list. Keys are compared exactly.
CREATE TABLE subscriber (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    subscriber_key TEXT NOT NULL,
    email_address TEXT NOT NULL,
    status TEXT NOT NULL,
    -- Profile attributes, a JSON object of strings.
    attributes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    unsubscribed_at BIGINT,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX subscriber_key ON subscriber (eid, subscriber_key);
-- For filters of Retrieve, which know no case.
CREATE INDEX subscriber_key_any_case ON subscriber (eid, lower(subscriber_key));
CREATE INDEX subscriber_address ON subscriber (eid, lower(email_address));

-- One email to one recipient. The unique key is what makes a repeated request harmless.
CREATE TABLE message (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    id TEXT NOT NULL,
    message_key TEXT NOT NULL,
    key_fold TEXT NOT NULL,
    request_id TEXT NOT NULL,
    definition_id TEXT NOT NULL,
    definition_key TEXT NOT NULL,
    subscriber_key TEXT NOT NULL,
    recipient TEXT NOT NULL,
    from_name TEXT NOT NULL,
    from_address TEXT NOT NULL,
    attributes TEXT NOT NULL,
    -- queued, sending, sent, not_sent, in_doubt (tenant.MessageState).
    state TEXT NOT NULL,
    code INTEGER NOT NULL DEFAULT 0,
    status_text TEXT NOT NULL DEFAULT '',
    event_id BIGINT NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    holds INTEGER NOT NULL DEFAULT 0,
    is_held INTEGER NOT NULL DEFAULT 0,
    accepted_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX message_key ON message (eid, mid, key_fold);
CREATE INDEX message_held ON message (eid, definition_id) WHERE is_held = 1;
CREATE INDEX message_event ON message (eid, mid, event_id) WHERE event_id > 0;

-- The last number given to a not-sent event. Who takes the next holds this row until he commits, so that readers see
-- events in the order of their numbers and can ask for those after the last they saw.
CREATE TABLE send_event (
    eid BIGINT PRIMARY KEY REFERENCES tenant (eid) ON DELETE CASCADE,
    last_id BIGINT NOT NULL
);

-- A Retrieve that has more pages.
CREATE TABLE retrieve_cursor (
    id TEXT PRIMARY KEY,
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    client_id TEXT NOT NULL,
    -- tenant.Retrieval as JSON.
    next TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX retrieve_cursor_expiry ON retrieve_cursor (eid, expires_at);

-- +goose Down
DROP TABLE retrieve_cursor;
DROP TABLE send_event;
DROP TABLE message;
DROP TABLE subscriber;
DROP TABLE verified_sender;
DROP TABLE send_definition;
DROP TABLE email;
