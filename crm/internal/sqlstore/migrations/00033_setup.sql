-- What the org mails from, and which addresses its code may call: Setup > Email > Organization-Wide Addresses and
-- Authorized Email Domains, Setup > Security > Remote Site Settings.

-- +goose Up
CREATE TABLE org_wide_email_address (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    address TEXT NOT NULL,
    display_name TEXT NOT NULL,
    is_allow_all_profiles INTEGER NOT NULL DEFAULT 0,
    is_verified INTEGER NOT NULL DEFAULT 0,
    purpose TEXT NOT NULL,
    -- SHA-256 of the code in the link that was mailed last, in hexadecimal, and until when it works.
    verification_hash TEXT,
    verification_expires BIGINT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX org_wide_email_address_key ON org_wide_email_address (org_id, LOWER(address));

CREATE TABLE authorized_email_domain (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    developer_name TEXT NOT NULL,
    domain_name TEXT NOT NULL,
    is_domain_ownership_verified INTEGER NOT NULL DEFAULT 0,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX authorized_email_domain_key ON authorized_email_domain (org_id, LOWER(domain_name));

CREATE TABLE remote_proxy (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    site_name TEXT NOT NULL,
    endpoint_url TEXT NOT NULL,
    description TEXT,
    is_active INTEGER NOT NULL DEFAULT 1,
    protocol_mismatch INTEGER NOT NULL DEFAULT 0,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX remote_proxy_key ON remote_proxy (org_id, LOWER(site_name));

-- +goose Down
DROP TABLE remote_proxy;
DROP TABLE authorized_email_domain;
DROP TABLE org_wide_email_address;
