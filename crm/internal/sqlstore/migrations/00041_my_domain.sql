-- The former name of an org's My Domain, which leads browsers to the present one.

-- +goose Up
ALTER TABLE organization ADD COLUMN previous_my_domain TEXT;
CREATE INDEX organization_previous_my_domain ON organization (previous_my_domain);

-- +goose Down
DROP INDEX organization_previous_my_domain;
ALTER TABLE organization DROP COLUMN previous_my_domain;
