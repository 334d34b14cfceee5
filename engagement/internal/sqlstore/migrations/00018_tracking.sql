-- What happened to messages after they were accepted: sent, opened, clicked, bounced, unsubscribed by. And the house's
-- own keys, sealed by the vault.

-- +goose Up
CREATE TABLE tracking_event (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    -- A time-ordered number (tenant.NewSerials).
    id BIGINT NOT NULL,
    mid BIGINT NOT NULL,
    -- Sent, Open, Click, Bounce, Unsubscribe (tenant.EventKind).
    kind TEXT NOT NULL,
    message_id TEXT NOT NULL,
    definition_id TEXT NOT NULL,
    subscriber_key TEXT NOT NULL,
    -- The link of a click; '' for others.
    url TEXT NOT NULL,
    -- Of a bounce: Hard, Soft or Block (tenant.BounceKind), the three digits or the enhanced status, and the server's words.
    bounce TEXT NOT NULL,
    smtp_code TEXT NOT NULL,
    smtp_reason TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE INDEX tracking_event_message ON tracking_event (eid, message_id, kind);
CREATE INDEX tracking_event_subscriber ON tracking_event (eid, subscriber_key, kind);

CREATE TABLE house_key (
    name TEXT PRIMARY KEY,
    sealed BYTEA NOT NULL
);

-- +goose Down
DROP TABLE house_key;
DROP TABLE tracking_event;
