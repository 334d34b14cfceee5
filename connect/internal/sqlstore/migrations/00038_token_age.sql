-- When a user's refresh token was used last, domain time: one that nobody uses dies, so the old ones are renewed.

-- +goose Up
ALTER TABLE user_token ADD COLUMN renewed_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX user_token_age ON user_token (pair_id, renewed_at);

-- +goose Down
DROP INDEX user_token_age;
ALTER TABLE user_token DROP COLUMN renewed_at;
