-- Live grants of a package are read in pages by number.

-- +goose Up
CREATE INDEX package_grant_pages ON package_grant (client_id, id) WHERE cleared_at IS NULL;

-- +goose Down
DROP INDEX package_grant_pages;
