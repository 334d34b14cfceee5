-- The org's records that identity and the first journey stand on. One text for SQLite and PostgreSQL: times are
-- milliseconds since 1970 UTC, ids are 18 characters, booleans are 0 or 1, names folded by Go stand in *_key columns.
-- Standard fields of a standard object are columns named as the field in snake case, under (org_id, id).

-- +goose Up
CREATE TABLE organization (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    organization_type TEXT NOT NULL,
    instance_name TEXT NOT NULL,
    is_sandbox INTEGER NOT NULL DEFAULT 0,
    namespace_prefix TEXT,
    trial_expiration_date BIGINT,
    my_domain TEXT NOT NULL,
    default_locale_sid_key TEXT NOT NULL,
    time_zone_sid_key TEXT NOT NULL,
    language_locale_key TEXT NOT NULL,
    -- Org-wide switches as JSON; missing keys have the documented default (org.Settings).
    settings TEXT NOT NULL,
    clock_offset_ms BIGINT NOT NULL DEFAULT 0,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL
);
CREATE UNIQUE INDEX organization_my_domain ON organization (my_domain);

CREATE TABLE user_license (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    license_definition_key TEXT NOT NULL,
    name TEXT NOT NULL,
    master_label TEXT NOT NULL,
    status TEXT NOT NULL,
    total_licenses INTEGER NOT NULL,
    created_date BIGINT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE profile (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    user_license_id TEXT NOT NULL,
    user_type TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE user_account (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    last_name TEXT NOT NULL,
    first_name TEXT,
    name TEXT NOT NULL,
    company_name TEXT,
    department TEXT,
    title TEXT,
    phone TEXT,
    mobile_phone TEXT,
    street TEXT,
    city TEXT,
    state TEXT,
    postal_code TEXT,
    country TEXT,
    email TEXT NOT NULL,
    alias TEXT NOT NULL,
    community_nickname TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    time_zone_sid_key TEXT NOT NULL,
    locale_sid_key TEXT NOT NULL,
    language_locale_key TEXT NOT NULL,
    email_encoding_key TEXT NOT NULL,
    profile_id TEXT NOT NULL,
    user_type TEXT NOT NULL,
    employee_number TEXT,
    federation_identifier TEXT,
    user_permissions_marketing_user INTEGER NOT NULL DEFAULT 0,
    last_login_date BIGINT,
    last_password_change_date BIGINT,
    -- Values of fields that packages add (et4ae5__…): one JSON object, each value a string ("1", "abc", milliseconds), so
    -- that ->> answers text on both engines. Absent key: null. Typed flex columns come with the custom field layer.
    custom JSON NOT NULL DEFAULT '{}',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
-- User names are unique on the whole server (DESIGN 5.6).
CREATE UNIQUE INDEX user_account_username ON user_account (username_key);
CREATE UNIQUE INDEX user_account_nickname ON user_account (org_id, LOWER(community_nickname));
CREATE INDEX user_account_profile ON user_account (org_id, profile_id);

CREATE TABLE permission_set (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    label TEXT NOT NULL,
    description TEXT,
    profile_id TEXT,
    is_owned_by_profile INTEGER NOT NULL DEFAULT 0,
    is_custom INTEGER NOT NULL DEFAULT 1,
    has_activation_required INTEGER NOT NULL DEFAULT 0,
    license_id TEXT,
    namespace_prefix TEXT,
    type TEXT NOT NULL,
    -- System permissions that are on, one JSON array of names without the prefix: ["ApiEnabled","ViewSetup"].
    permissions TEXT NOT NULL DEFAULT '[]',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
-- A managed package brings names of its own: unique within their namespace.
CREATE UNIQUE INDEX permission_set_name ON permission_set (org_id, COALESCE(namespace_prefix, ''), name_key);
CREATE UNIQUE INDEX permission_set_profile ON permission_set (org_id, profile_id) WHERE profile_id IS NOT NULL;

CREATE TABLE permission_set_assignment (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    assignee_id TEXT NOT NULL,
    permission_set_id TEXT NOT NULL,
    is_active INTEGER NOT NULL DEFAULT 1,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX permission_set_assignment_pair ON permission_set_assignment (org_id, assignee_id, permission_set_id);

CREATE TABLE setup_entity_access (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    setup_entity_id TEXT NOT NULL,
    setup_entity_type TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX setup_entity_access_pair ON setup_entity_access (org_id, setup_entity_id, parent_id);

CREATE TABLE connected_application (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    developer_name TEXT NOT NULL,
    namespace_prefix TEXT,
    description TEXT,
    contact_email TEXT NOT NULL,
    consumer_key TEXT NOT NULL,
    -- SHA-256 of the consumer secret; NULL for an app that has none. Generated secrets have 256 bits, so no slow hash.
    consumer_secret_hash BYTEA,
    callback_urls TEXT NOT NULL,
    scopes TEXT NOT NULL,
    certificate TEXT,
    is_admin_approved INTEGER NOT NULL DEFAULT 0,
    is_consumer_secret_optional INTEGER NOT NULL DEFAULT 0,
    is_secret_required_for_refresh_token INTEGER NOT NULL DEFAULT 1,
    is_pkce_required INTEGER NOT NULL DEFAULT 0,
    is_client_credential_enabled INTEGER NOT NULL DEFAULT 0,
    oauth_client_credential_user_id TEXT,
    ip_relaxation TEXT NOT NULL,
    refresh_token_policy TEXT NOT NULL,
    -- The same policy as the ConnectedApplication object shows it: hours (NULL: until revoked), and 1 where they count from
    -- the last use. Always written together with refresh_token_policy.
    refresh_token_validity_period INTEGER,
    options_refresh_token_validity_metric INTEGER NOT NULL DEFAULT 0,
    session_timeout_minutes INTEGER,
    start_url TEXT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX connected_application_consumer_key ON connected_application (consumer_key);
CREATE UNIQUE INDEX connected_application_name ON connected_application (org_id, COALESCE(namespace_prefix, ''), LOWER(developer_name));

CREATE TABLE account (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    phone TEXT,
    website TEXT,
    owner_id TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE contact (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    account_id TEXT,
    last_name TEXT NOT NULL,
    first_name TEXT,
    salutation TEXT,
    name TEXT NOT NULL,
    title TEXT,
    department TEXT,
    email TEXT,
    phone TEXT,
    mobile_phone TEXT,
    mailing_street TEXT,
    mailing_city TEXT,
    mailing_state TEXT,
    mailing_postal_code TEXT,
    mailing_country TEXT,
    birthdate TEXT,
    description TEXT,
    has_opted_out_of_email INTEGER NOT NULL DEFAULT 0,
    owner_id TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX contact_modstamp ON contact (org_id, system_modstamp);
CREATE INDEX contact_email ON contact (org_id, LOWER(email));
CREATE INDEX contact_account ON contact (org_id, account_id);

-- Queries whose answers are fetched in batches.
CREATE TABLE query_locator (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    query TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX query_locator_user ON query_locator (org_id, user_id, created_ms);

-- +goose Down
DROP TABLE query_locator;
DROP TABLE contact;
DROP TABLE account;
DROP TABLE connected_application;
DROP TABLE setup_entity_access;
DROP TABLE permission_set_assignment;
DROP TABLE permission_set;
DROP TABLE user_account;
DROP TABLE profile;
DROP TABLE user_license;
DROP TABLE organization;
