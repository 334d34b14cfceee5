-- Users are looked up by their names in letters of any case; who is nobody costs no look at all.

-- +goose Up
CREATE INDEX user_mapping_folded ON user_mapping (pair_id, LOWER(crm_username));
CREATE INDEX mapping_clear_folded ON mapping_clear (pair_id, LOWER(crm_username));

-- +goose Down
DROP INDEX mapping_clear_folded;
DROP INDEX user_mapping_folded;
