-- Whether anybody is mapped to an Engagement user is asked by his name, without regard to case.

-- +goose Up
CREATE INDEX user_mapping_engagement_name ON user_mapping (pair_id, lower(engagement_username));

-- +goose Down
DROP INDEX user_mapping_engagement_name;
