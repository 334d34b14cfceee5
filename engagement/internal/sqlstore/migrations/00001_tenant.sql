-- The tenant: who is in it, which packages may call it, and what was issued to them. One text for SQLite and PostgreSQL:
-- times are milliseconds since 1970 UTC in domain time, booleans are 0 or 1, names folded by Go stand in *_key columns,
-- lists are JSON. Secrets are here as hashes alone.

-- +goose Up
CREATE TABLE tenant (
    eid BIGINT PRIMARY KEY,
    subdomain TEXT NOT NULL,
    name TEXT NOT NULL,
    account_type TEXT NOT NULL,
    -- Account-wide switches; missing keys have the default of tenant.Settings.
    settings TEXT NOT NULL,
    clock_offset_ms BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenant_subdomain ON tenant (subdomain);

-- MIDs are unique on the whole server. The top unit's MID is the EID and its parent is 0.
CREATE TABLE business_unit (
    mid BIGINT PRIMARY KEY,
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    parent_mid BIGINT NOT NULL,
    name TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
CREATE INDEX business_unit_tenant ON business_unit (eid);

CREATE TABLE account_user (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    customer_key TEXT NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    -- argon2id in PHC form; NULL for the app user of a package, who cannot sign in.
    password_hash TEXT,
    password_changed_at BIGINT,
    is_active INTEGER NOT NULL,
    is_api_user INTEGER NOT NULL,
    must_change_password INTEGER NOT NULL,
    failed_logins INTEGER NOT NULL DEFAULT 0,
    locked_at BIGINT,
    last_login_at BIGINT,
    default_mid BIGINT NOT NULL,
    -- The CRM user name that Salesforce.com Status names; NULL where the user is not integrated.
    salesforce_username TEXT,
    locale TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
-- User names are unique on the whole server: the name alone finds the tenant.
CREATE UNIQUE INDEX account_user_username ON account_user (username_key);

CREATE TABLE account_user_business_unit (
    eid BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    mid BIGINT NOT NULL,
    PRIMARY KEY (eid, user_id, mid),
    FOREIGN KEY (eid, user_id) REFERENCES account_user (eid, id) ON DELETE CASCADE
);

CREATE TABLE role (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    is_system INTEGER NOT NULL,
    -- Permission names, "Email.Send", as two lists; "*" allows all. A deny in any role beats every allow.
    allowed TEXT NOT NULL,
    denied TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX role_key ON role (eid, customer_key);

-- A role given to a user everywhere (mid 0), to a user in one unit, or to everybody in one unit (user_id 0).
CREATE TABLE role_assignment (
    eid BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    mid BIGINT NOT NULL,
    role_id TEXT NOT NULL,
    PRIMARY KEY (eid, user_id, mid, role_id),
    FOREIGN KEY (eid, role_id) REFERENCES role (eid, id) ON DELETE CASCADE
);

CREATE TABLE installed_package (
    client_id TEXT PRIMARY KEY,
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    package_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    name TEXT NOT NULL,
    integration_type TEXT NOT NULL,
    -- SHA-256 of a generated secret of 256 bits, so no slow hash; NULL where the package has none.
    secret_hash BYTEA,
    secret_expires_at BIGINT,
    scopes TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    -- PEM of the certificate that signs JWT bearer assertions; NULL where none is set.
    certificate TEXT,
    -- The unit that made the integration, and the units it may reach; an empty list is all of them.
    mid BIGINT NOT NULL,
    mids TEXT NOT NULL,
    -- The user on whose behalf client credentials run; NULL where the package has no such grant.
    app_user_id BIGINT,
    is_active INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
CREATE INDEX installed_package_tenant ON installed_package (eid);

-- The standing permission of a user for a "connect" package, with his permissions as they were when it was made.
-- Ids here and below are time-ordered numbers (tenant.NewSerial).
CREATE TABLE package_grant (
    id BIGINT PRIMARY KEY,
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    snapshot TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by BIGINT NOT NULL,
    cleared_at BIGINT,
    cleared_by BIGINT
);
CREATE UNIQUE INDEX package_grant_live ON package_grant (client_id, user_id) WHERE cleared_at IS NULL;
CREATE INDEX package_grant_user ON package_grant (eid, user_id);

-- One row for each sign-in through a package: its authorization code, and the family of the tokens that came of it.
CREATE TABLE token_family (
    id BIGINT PRIMARY KEY,
    code_hash BYTEA NOT NULL,
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    mid BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    session_id BIGINT NOT NULL,
    -- The standing grant behind it, 0 where the package is not of type connect.
    grant_id BIGINT NOT NULL,
    -- Whether the tokens outlive the browser session (scope offline).
    is_offline INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    code_expires_at BIGINT NOT NULL,
    code_used_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX token_family_session ON token_family (session_id);
CREATE INDEX token_family_user ON token_family (eid, user_id);

-- Append-only: a row is never changed, and goes when it is long expired. The number in the token is the key, so that
-- new rows land at the right-hand edge of the index.
CREATE TABLE access_token (
    id BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL,
    eid BIGINT NOT NULL,
    client_id TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    mid BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    family_id BIGINT NOT NULL,
    grant_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- SHA-256 over client id and jti of the assertion that was spent on it; NULL for other grants.
    assertion_hash BYTEA
);

-- Assertions already spent, where several processes share the database and must agree on it.
CREATE TABLE spent_assertion (
    hash BYTEA PRIMARY KEY,
    token_id BIGINT NOT NULL
);
CREATE INDEX spent_assertion_token ON spent_assertion (token_id);

CREATE TABLE refresh_token (
    id BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL,
    family_id BIGINT NOT NULL REFERENCES token_family (id) ON DELETE CASCADE,
    previous_id BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    mid BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    -- What was issued in its place, and the half of its making that the client does not hold (tenant.Successor).
    next_id BIGINT,
    next_seed BYTEA
);
CREATE INDEX refresh_token_family ON refresh_token (family_id);

-- Browser sessions of the tenant's own sign-in page.
CREATE TABLE web_session (
    id BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL,
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    user_id BIGINT NOT NULL,
    user_agent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX web_session_user ON web_session (eid, user_id);

-- +goose Down
DROP TABLE web_session;
DROP TABLE refresh_token;
DROP TABLE spent_assertion;
DROP TABLE access_token;
DROP TABLE token_family;
DROP TABLE package_grant;
DROP TABLE installed_package;
DROP TABLE role_assignment;
DROP TABLE role;
DROP TABLE account_user_business_unit;
DROP TABLE account_user;
DROP TABLE business_unit;
DROP TABLE tenant;
