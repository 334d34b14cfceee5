-- For which address of a cloud stored credentials were sealed: elsewhere they do not open, and why is to be said.

-- +goose Up
ALTER TABLE integration_user ADD COLUMN sealed_for TEXT NOT NULL DEFAULT '';
ALTER TABLE span_credential ADD COLUMN sealed_for TEXT NOT NULL DEFAULT '';
ALTER TABLE user_token ADD COLUMN sealed_for TEXT NOT NULL DEFAULT '';
UPDATE integration_user SET sealed_for = COALESCE((SELECT crm_url FROM link WHERE link.pair_id = integration_user.pair_id), '');
UPDATE span_credential SET sealed_for = COALESCE((SELECT CASE span_credential.direction WHEN 'org' THEN crm_url ELSE engagement_auth_url END FROM link WHERE link.pair_id = span_credential.pair_id), '');
UPDATE user_token SET sealed_for = COALESCE((SELECT engagement_auth_url FROM link WHERE link.pair_id = user_token.pair_id), '');

-- +goose Down
ALTER TABLE user_token DROP COLUMN sealed_for;
ALTER TABLE span_credential DROP COLUMN sealed_for;
ALTER TABLE integration_user DROP COLUMN sealed_for;
