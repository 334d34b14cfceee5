-- The way from stored API-user credentials to tenant-specific OAuth (document 002): when the span went it,
-- and how far each user's token has come.

-- +goose Up
ALTER TABLE link ADD COLUMN engagement_upgraded_at BIGINT NOT NULL DEFAULT 0;
-- moved: his grant works by key; refused: Engagement has none of him; '' before he was asked for
ALTER TABLE user_token ADD COLUMN moved TEXT NOT NULL DEFAULT '';
CREATE INDEX send_created ON send (pair_id, created_at);

-- +goose Down
DROP INDEX send_created;
ALTER TABLE user_token DROP COLUMN moved;
ALTER TABLE link DROP COLUMN engagement_upgraded_at;
