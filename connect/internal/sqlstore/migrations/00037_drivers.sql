-- By which driver a span signs its user in, when stored credentials were given, and the credentials: of the spans' users,
-- and the refresh tokens of mapped users where no key signs them in. Sealed by the vault.

-- +goose Up
ALTER TABLE link ADD COLUMN org_driver TEXT NOT NULL DEFAULT '';
ALTER TABLE link ADD COLUMN org_given_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN engagement_driver TEXT NOT NULL DEFAULT '';
ALTER TABLE link ADD COLUMN engagement_given_at BIGINT NOT NULL DEFAULT 0;
-- warn, refuse: what becomes of a new password connection into the org from 1 June 2016 on
ALTER TABLE link ADD COLUMN legacy TEXT NOT NULL DEFAULT 'refuse';
UPDATE link SET org_driver = 'jwt' WHERE org_username <> '';
UPDATE link SET engagement_driver = 'jwt' WHERE engagement_username <> '';

CREATE TABLE span_credential (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    -- user name, or the client id of the customer's package
    name TEXT NOT NULL,
    secrets_sealed BYTEA NOT NULL CHECK (length(secrets_sealed) > 0),
    PRIMARY KEY (pair_id, direction)
);

CREATE TABLE user_token (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    -- Engagement user name in lower case
    username TEXT NOT NULL,
    token_sealed BYTEA NOT NULL CHECK (length(token_sealed) > 0),
    -- machine time
    lease_until BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (pair_id, username)
);

-- +goose Down
DROP TABLE user_token;
DROP TABLE span_credential;
ALTER TABLE link DROP COLUMN legacy;
ALTER TABLE link DROP COLUMN engagement_given_at;
ALTER TABLE link DROP COLUMN engagement_driver;
ALTER TABLE link DROP COLUMN org_given_at;
ALTER TABLE link DROP COLUMN org_driver;
