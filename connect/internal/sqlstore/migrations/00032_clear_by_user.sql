-- A user is who his id says, whatever he is called by now.

-- +goose Up
CREATE INDEX mapping_clear_user ON mapping_clear (pair_id, crm_user_id) WHERE latest = 1;

-- +goose Down
DROP INDEX mapping_clear_user;
