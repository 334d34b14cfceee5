-- AuthSession shows the session that another came out of; one that came out of none shows itself.

-- +goose Up
DROP VIEW auth_session_record;
CREATE VIEW auth_session_record AS
SELECT s.org_id AS org_id, '0Ak' || SUBSTR(s.login_history_id, 4) AS id, s.user_id AS users_id, s.created_ms AS created_date,
    s.expires_ms - s.timeout_ms AS last_modified_date, s.timeout_ms / 1000 AS num_seconds_valid, 'Standard' AS user_type,
    h.source_ip AS source_ip, h.login_type AS login_type, s.session_type AS session_type, 'STANDARD' AS session_security_level,
    h.id AS login_history_id, s.expires_ms AS expires_ms,
    '0Ak' || SUBSTR(COALESCE(p.login_history_id, s.login_history_id), 4) AS parent_id
FROM auth_session s
    LEFT JOIN login_history h ON h.org_id = s.org_id AND h.id = s.login_history_id
    LEFT JOIN oauth_grant g ON g.id = s.grant_id
    LEFT JOIN user_login l ON l.org_id = s.org_id AND l.user_id = s.user_id
    LEFT JOIN auth_session p ON p.id = s.parent_id
    LEFT JOIN oauth_grant pg ON pg.id = p.grant_id
    LEFT JOIN user_login pl ON pl.org_id = p.org_id AND pl.user_id = p.user_id
WHERE s.ended_ms IS NULL AND g.revoked_ms IS NULL AND s.id > COALESCE(l.ended_up_to, 0) AND s.login_history_id IS NOT NULL
    AND p.ended_ms IS NULL AND pg.revoked_ms IS NULL AND (p.id IS NULL OR p.id > COALESCE(pl.ended_up_to, 0));

-- +goose Down
DROP VIEW auth_session_record;
CREATE VIEW auth_session_record AS
SELECT s.org_id AS org_id, '0Ak' || SUBSTR(s.login_history_id, 4) AS id, s.user_id AS users_id, s.created_ms AS created_date,
    s.expires_ms - s.timeout_ms AS last_modified_date, s.timeout_ms / 1000 AS num_seconds_valid, 'Standard' AS user_type,
    h.source_ip AS source_ip, h.login_type AS login_type, s.session_type AS session_type, 'STANDARD' AS session_security_level,
    h.id AS login_history_id, s.expires_ms AS expires_ms
FROM auth_session s
    LEFT JOIN login_history h ON h.org_id = s.org_id AND h.id = s.login_history_id
    LEFT JOIN oauth_grant g ON g.id = s.grant_id
    LEFT JOIN user_login l ON l.org_id = s.org_id AND l.user_id = s.user_id
    LEFT JOIN auth_session p ON p.id = s.parent_id
    LEFT JOIN oauth_grant pg ON pg.id = p.grant_id
    LEFT JOIN user_login pl ON pl.org_id = p.org_id AND pl.user_id = p.user_id
WHERE s.ended_ms IS NULL AND g.revoked_ms IS NULL AND s.id > COALESCE(l.ended_up_to, 0) AND s.login_history_id IS NOT NULL
    AND p.ended_ms IS NULL AND pg.revoked_ms IS NULL AND (p.id IS NULL OR p.id > COALESCE(pl.ended_up_to, 0));
