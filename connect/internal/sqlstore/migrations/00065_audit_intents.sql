-- What is about to be changed in a cloud, so that its entry in the audit chain is written once, whoever of several
-- processes comes to the end of it, and also where one dies between the change and its entry. A row that is not
-- pending keeps its revision for a day, so that who read it before knows that somebody was there.

-- +goose Up
CREATE TABLE audit_intent (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    revision BIGINT NOT NULL,
    pending SMALLINT NOT NULL,
    at BIGINT NOT NULL, -- domain time
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL,
    PRIMARY KEY (pair_id, action, subject)
);

-- Anybody may begin a visit: the oldest of too many go.
CREATE INDEX signin_flow_visit ON signin_flow (pair_id, expires_at) WHERE purpose = 'visit';

-- +goose Down
DROP INDEX signin_flow_visit;
DROP TABLE audit_intent;
