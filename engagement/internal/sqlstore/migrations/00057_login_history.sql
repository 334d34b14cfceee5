-- Who signed in as whom and from where, and who could not; and the browser sessions of a tenant in order.

-- +goose Up
CREATE TABLE login_event (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    -- A time-ordered number (tenant.Serials).
    id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    -- '' from inside the program.
    address TEXT NOT NULL,
    -- tenant.LoginOutcome.
    outcome TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE INDEX login_event_user ON login_event (eid, user_id, id);
CREATE INDEX login_event_age ON login_event (id);
CREATE INDEX web_session_live ON web_session (eid, id) WHERE ended_at IS NULL;

-- +goose Down
DROP INDEX web_session_live;
DROP TABLE login_event;
