-- What Setup calls OAuth usage: the grants that live, as the object OauthToken shows them (crm-wire 5.2).

-- +goose Up
-- A token that can do nothing but revoke its grant, so it is kept as it is. '' for grants made before this version.
ALTER TABLE oauth_grant ADD COLUMN delete_token TEXT NOT NULL DEFAULT '';

CREATE VIEW oauth_token AS
SELECT g.org_id AS org_id, CAST(g.id AS TEXT) AS id, CAST(NULL AS TEXT) AS access_token, CAST(NULL AS TEXT) AS request_token,
    NULLIF(g.delete_token, '') AS delete_token, COALESCE(a.name, 'Platform CLI') AS app_name, CAST(NULL AS TEXT) AS app_menu_item_id,
    g.user_id AS user_id, g.last_used_ms AS last_used_date, g.use_count AS use_count, g.created_ms AS created_date
FROM oauth_grant g
LEFT JOIN connected_application a ON a.org_id = g.org_id AND a.id = g.app_id
LEFT JOIN user_login u ON u.org_id = g.org_id AND u.user_id = g.user_id
WHERE g.app_id <> '' AND g.revoked_ms IS NULL AND g.id > COALESCE(u.ended_up_to, 0);

-- +goose Down
DROP VIEW oauth_token;
ALTER TABLE oauth_grant DROP COLUMN delete_token;
