-- Under which driver of the span into the org a mapping was made, and when the span was upgraded from stored passwords to
-- a key: mappings from before are used again once their users are reconnected.

-- +goose Up
-- 'password' or 'jwt'
ALTER TABLE user_mapping ADD COLUMN made_by TEXT NOT NULL DEFAULT 'jwt';
UPDATE user_mapping SET made_by = 'password' WHERE pair_id IN (SELECT pair_id FROM link WHERE org_driver = 'password');
CREATE INDEX user_mapping_earlier ON user_mapping (pair_id, crm_user_id) WHERE made_by = 'password';
-- Domain time; 0 where it was not.
ALTER TABLE link ADD COLUMN upgraded_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE link DROP COLUMN upgraded_at;
DROP INDEX user_mapping_earlier;
ALTER TABLE user_mapping DROP COLUMN made_by;
