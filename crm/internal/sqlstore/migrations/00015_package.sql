-- The managed package (crm/internal/org/packages): its releases, which one an org has, and a table for each of its
-- objects, whose fields stand in the column custom as a package's fields of User do.

-- +goose Up
CREATE TABLE package_release (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    major_version INTEGER NOT NULL,
    minor_version INTEGER NOT NULL,
    is_deprecated INTEGER NOT NULL
);
INSERT INTO package_release (id, name, major_version, minor_version, is_deprecated) VALUES
    ('04t300000004000AAA', '4.000', 4, 0, 1),
    ('04t300000005400AAA', '5.400', 5, 400, 0),
    ('04t300000005493AAA', '5.493', 5, 493, 0),
    ('04t300000005494AAA', '5.494', 5, 494, 0),
    ('04t300000000219AAA', '219', 219, 0, 0),
    ('04t300000000220AAA', '220', 220, 0, 0);

CREATE VIEW subscriber_package AS
SELECT o.id AS org_id, '033300000002MCCAA2' AS id, 'Marketing Cloud' AS name, 'et4ae5' AS namespace_prefix,
    'Marketing Cloud Connect' AS description, 1 AS is_package_valid
FROM organization o;

CREATE VIEW subscriber_package_version AS
SELECT o.id AS org_id, r.id AS id, '033300000002MCCAA2' AS subscriber_package_id, r.name AS name, 'Salesforce.com' AS publisher_name,
    r.major_version AS major_version, r.minor_version AS minor_version, 0 AS patch_version, 1 AS build_number,
    'Released' AS release_state, 1 AS is_managed, r.is_deprecated AS is_deprecated, 0 AS is_beta, 0 AS is_password_protected
FROM organization o CROSS JOIN package_release r;

CREATE TABLE installed_subscriber_package (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    subscriber_package_id TEXT NOT NULL,
    subscriber_package_version_id TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
);
-- One package, so one row of an org: two installs at the same moment meet here.
CREATE UNIQUE INDEX installed_subscriber_package_org ON installed_subscriber_package (org_id);

CREATE TABLE package_install_request (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    subscriber_package_version_key TEXT NOT NULL,
    security_type TEXT,
    name_conflict_resolution TEXT,
    package_install_source TEXT,
    apex_compile_type TEXT,
    upgrade_type TEXT,
    enable_rss INTEGER NOT NULL DEFAULT 0,
    -- Always NULL: a key of the package is not kept.
    password TEXT,
    status TEXT NOT NULL,
    errors TEXT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE subscriber_package_version_uninstall_request (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    subscriber_package_version_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE package_version_uninstall_request_error (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    parent_request_id TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE et4ae5__business_unit__c (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    custom JSON NOT NULL DEFAULT '{}',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE et4ae5__configuration__c (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    custom JSON NOT NULL DEFAULT '{}',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE et4ae5__et4ae_config__c (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    custom JSON NOT NULL DEFAULT '{}',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE et4ae5__individualemailresult__c (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    custom JSON NOT NULL DEFAULT '{}',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE et4ae5__uebu__c (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    custom JSON NOT NULL DEFAULT '{}',
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- What an administrator decides of an app beyond its OAuth settings (crm-wire 5.4, connect-facts 2.5, 10.1).
ALTER TABLE connected_application ADD COLUMN is_installed INTEGER NOT NULL DEFAULT 1;
ALTER TABLE connected_application ADD COLUMN is_blocked INTEGER NOT NULL DEFAULT 0;
-- '' for no policy, else "Block" or "RaiseSessionLevel".
ALTER TABLE connected_application ADD COLUMN high_assurance TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE connected_application DROP COLUMN high_assurance;
ALTER TABLE connected_application DROP COLUMN is_blocked;
ALTER TABLE connected_application DROP COLUMN is_installed;
DROP TABLE et4ae5__uebu__c;
DROP TABLE et4ae5__individualemailresult__c;
DROP TABLE et4ae5__et4ae_config__c;
DROP TABLE et4ae5__configuration__c;
DROP TABLE et4ae5__business_unit__c;
DROP TABLE package_version_uninstall_request_error;
DROP TABLE subscriber_package_version_uninstall_request;
DROP TABLE package_install_request;
DROP TABLE installed_subscriber_package;
DROP VIEW subscriber_package_version;
DROP VIEW subscriber_package;
DROP TABLE package_release;
