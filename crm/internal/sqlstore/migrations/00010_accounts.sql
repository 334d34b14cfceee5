-- Users' credentials in full, the rules that bind logins to hours and addresses, who logged in as whom, and the trail of
-- what was changed in Setup.

-- +goose Up
ALTER TABLE user_login ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0;
-- 1 for a password that somebody else chose: good for one sign-in, at which the user chooses his own.
ALTER TABLE user_login ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;
-- Earlier passwords, newest first: a JSON array of PHC strings.
ALTER TABLE user_login ADD COLUMN password_history TEXT NOT NULL DEFAULT '[]';
-- The link that was mailed last to set a password by: SHA-256, when it ends, and whether following it verifies the address.
ALTER TABLE user_login ADD COLUMN link_hash BYTEA;
ALTER TABLE user_login ADD COLUMN link_expires_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE user_login ADD COLUMN unverified INTEGER NOT NULL DEFAULT 0;

-- JSON: [{"start":"10.0.0.1","end":"10.0.0.9"}], and for each day of the week minutes since midnight.
ALTER TABLE profile ADD COLUMN login_ip_ranges TEXT NOT NULL DEFAULT '[]';
ALTER TABLE profile ADD COLUMN login_hours TEXT NOT NULL DEFAULT '{}';

-- The row of the login that began the session; the session's record id is the same with another prefix.
ALTER TABLE auth_session ADD COLUMN login_history_id TEXT;
-- The administrator who is logged in as the user; NULL for the user himself.
ALTER TABLE auth_session ADD COLUMN delegate_id TEXT;

CREATE TABLE setup_audit_trail (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    action TEXT NOT NULL,
    section TEXT NOT NULL,
    display TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    -- User name of an administrator who was logged in as somebody else.
    delegate_user TEXT,
    responsible_namespace_prefix TEXT,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX setup_audit_trail_date ON setup_audit_trail (org_id, created_date);

-- UserLogin, one record for each user. Its id is the user's with prefix 0Yw; of the checksum only the first letter
-- differs, because Y is a capital.
CREATE VIEW user_login_record AS
SELECT u.org_id AS org_id,
    '0Yw' || SUBSTR(u.id, 4, 12)
        || CASE SUBSTR(u.id, 16, 1) WHEN 'A' THEN 'C' WHEN 'I' THEN 'K' WHEN 'Q' THEN 'S' ELSE '0' END || SUBSTR(u.id, 17, 2) AS id,
    u.id AS user_id, COALESCE(l.frozen, 0) AS is_frozen,
    CASE WHEN COALESCE(l.locked_until_ms, 0) > 0 THEN 1 ELSE 0 END AS is_password_locked,
    u.last_modified_date AS last_modified_date, u.last_modified_by_id AS last_modified_by_id
FROM user_account u LEFT JOIN user_login l ON l.org_id = u.org_id AND l.user_id = u.id;

-- AuthSession: sessions that nobody has ended. Whether one has expired is a matter of the org's clock.
CREATE VIEW auth_session_record AS
SELECT s.org_id AS org_id, '0Ak' || SUBSTR(s.login_history_id, 4) AS id, s.user_id AS users_id, s.created_ms AS created_date,
    s.expires_ms - s.timeout_ms AS last_modified_date, s.timeout_ms / 1000 AS num_seconds_valid, 'Standard' AS user_type,
    h.source_ip AS source_ip, h.login_type AS login_type, s.session_type AS session_type, 'STANDARD' AS session_security_level,
    s.login_history_id AS login_history_id, s.expires_ms AS expires_ms
FROM auth_session s
    JOIN login_history h ON h.org_id = s.org_id AND h.id = s.login_history_id
    LEFT JOIN oauth_grant g ON g.id = s.grant_id
    LEFT JOIN user_login l ON l.org_id = s.org_id AND l.user_id = s.user_id
WHERE s.ended_ms IS NULL AND g.revoked_ms IS NULL AND s.id > COALESCE(l.ended_up_to, 0);

-- +goose Down
DROP VIEW auth_session_record;
DROP VIEW user_login_record;
DROP TABLE setup_audit_trail;
ALTER TABLE auth_session DROP COLUMN delegate_id;
ALTER TABLE auth_session DROP COLUMN login_history_id;
ALTER TABLE profile DROP COLUMN login_hours;
ALTER TABLE profile DROP COLUMN login_ip_ranges;
ALTER TABLE user_login DROP COLUMN unverified;
ALTER TABLE user_login DROP COLUMN link_expires_ms;
ALTER TABLE user_login DROP COLUMN link_hash;
ALTER TABLE user_login DROP COLUMN password_history;
ALTER TABLE user_login DROP COLUMN must_change;
ALTER TABLE user_login DROP COLUMN frozen;
