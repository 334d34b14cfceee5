-- The records of sales and service, and what the objects that there were lack of their fields. As in the first migration,
-- standard fields are columns named as the field in snake case, under (org_id, id); numbers with a fraction are doubles.

-- +goose Up
-- The last number that records of an object got, where the org numbers them ("CFG-0007", "00001000").
CREATE TABLE record_number (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    object TEXT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (org_id, object)
);
INSERT INTO record_number (org_id, object, last)
SELECT org_id, 'et4ae5__Configuration__c', COUNT(*) FROM et4ae5__configuration__c GROUP BY org_id
UNION ALL SELECT org_id, 'et4ae5__IndividualEmailResult__c', COUNT(*) FROM et4ae5__individualemailresult__c GROUP BY org_id
UNION ALL SELECT org_id, 'et4ae5__UEBU__c', COUNT(*) FROM et4ae5__uebu__c GROUP BY org_id;

CREATE TABLE lead (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    last_name TEXT NOT NULL,
    first_name TEXT,
    salutation TEXT,
    name TEXT NOT NULL,
    title TEXT,
    company TEXT NOT NULL,
    street TEXT,
    city TEXT,
    state TEXT,
    postal_code TEXT,
    country TEXT,
    phone TEXT,
    mobile_phone TEXT,
    fax TEXT,
    email TEXT,
    website TEXT,
    description TEXT,
    lead_source TEXT,
    status TEXT NOT NULL,
    industry TEXT,
    rating TEXT,
    annual_revenue DOUBLE PRECISION,
    number_of_employees INTEGER,
    owner_id TEXT NOT NULL,
    has_opted_out_of_email INTEGER NOT NULL DEFAULT 0,
    has_opted_out_of_fax INTEGER NOT NULL DEFAULT 0,
    do_not_call INTEGER NOT NULL DEFAULT 0,
    is_converted INTEGER NOT NULL DEFAULT 0,
    converted_date TEXT,
    converted_account_id TEXT,
    converted_contact_id TEXT,
    converted_opportunity_id TEXT,
    is_unread_by_owner INTEGER NOT NULL DEFAULT 0,
    last_activity_date TEXT,
    email_bounced_reason TEXT,
    email_bounced_date BIGINT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX lead_modstamp ON lead (org_id, system_modstamp);
CREATE INDEX lead_owner ON lead (org_id, owner_id);
CREATE INDEX lead_email_key ON lead (org_id, fold_case(email));
CREATE INDEX lead_name_key ON lead (org_id, fold_case(name));

CREATE TABLE campaign (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    parent_id TEXT,
    type TEXT,
    status TEXT,
    start_date TEXT,
    end_date TEXT,
    expected_revenue DOUBLE PRECISION,
    budgeted_cost DOUBLE PRECISION,
    actual_cost DOUBLE PRECISION,
    expected_response DOUBLE PRECISION,
    number_sent DOUBLE PRECISION,
    is_active INTEGER NOT NULL DEFAULT 0,
    description TEXT,
    owner_id TEXT NOT NULL,
    last_activity_date TEXT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX campaign_modstamp ON campaign (org_id, system_modstamp);
CREATE INDEX campaign_owner ON campaign (org_id, owner_id);
CREATE INDEX campaign_name_key ON campaign (org_id, fold_case(name));
CREATE INDEX campaign_parent ON campaign (org_id, parent_id);

CREATE TABLE campaign_member (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    campaign_id TEXT NOT NULL,
    lead_id TEXT,
    contact_id TEXT,
    status TEXT,
    has_responded INTEGER NOT NULL DEFAULT 0,
    first_responded_date TEXT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX campaign_member_modstamp ON campaign_member (org_id, system_modstamp);
CREATE INDEX campaign_member_campaign ON campaign_member (org_id, campaign_id);
CREATE INDEX campaign_member_lead ON campaign_member (org_id, lead_id);
CREATE INDEX campaign_member_contact ON campaign_member (org_id, contact_id);
-- A person is a member of a campaign once, the recycle bin aside.
CREATE UNIQUE INDEX campaign_member_once_lead ON campaign_member (org_id, campaign_id, lead_id) WHERE lead_id IS NOT NULL AND is_deleted = 0;
CREATE UNIQUE INDEX campaign_member_once_contact ON campaign_member (org_id, campaign_id, contact_id) WHERE contact_id IS NOT NULL AND is_deleted = 0;

CREATE TABLE campaign_member_status (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    campaign_id TEXT NOT NULL,
    label TEXT NOT NULL,
    sort_order INTEGER,
    is_default INTEGER NOT NULL DEFAULT 0,
    has_responded INTEGER NOT NULL DEFAULT 0,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX campaign_member_status_campaign ON campaign_member_status (org_id, campaign_id);

CREATE TABLE opportunity (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    account_id TEXT,
    is_private INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    description TEXT,
    stage_name TEXT NOT NULL,
    amount DOUBLE PRECISION,
    probability DOUBLE PRECISION,
    total_opportunity_quantity DOUBLE PRECISION,
    close_date TEXT NOT NULL,
    type TEXT,
    next_step TEXT,
    lead_source TEXT,
    is_closed INTEGER NOT NULL DEFAULT 0,
    is_won INTEGER NOT NULL DEFAULT 0,
    forecast_category TEXT NOT NULL,
    forecast_category_name TEXT NOT NULL,
    campaign_id TEXT,
    contact_id TEXT,
    owner_id TEXT NOT NULL,
    last_activity_date TEXT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX opportunity_modstamp ON opportunity (org_id, system_modstamp);
CREATE INDEX opportunity_owner ON opportunity (org_id, owner_id);
CREATE INDEX opportunity_name_key ON opportunity (org_id, fold_case(name));
CREATE INDEX opportunity_account ON opportunity (org_id, account_id);
CREATE INDEX opportunity_campaign ON opportunity (org_id, campaign_id);
CREATE INDEX opportunity_contact ON opportunity (org_id, contact_id);

CREATE TABLE case_record (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    case_number TEXT NOT NULL,
    contact_id TEXT,
    account_id TEXT,
    parent_id TEXT,
    supplied_name TEXT,
    supplied_email TEXT,
    supplied_phone TEXT,
    supplied_company TEXT,
    type TEXT,
    status TEXT,
    reason TEXT,
    origin TEXT,
    subject TEXT,
    priority TEXT,
    description TEXT,
    is_closed INTEGER NOT NULL DEFAULT 0,
    closed_date BIGINT,
    is_escalated INTEGER NOT NULL DEFAULT 0,
    owner_id TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX case_record_modstamp ON case_record (org_id, system_modstamp);
CREATE INDEX case_record_owner ON case_record (org_id, owner_id);
CREATE INDEX case_record_account ON case_record (org_id, account_id);
CREATE INDEX case_record_contact ON case_record (org_id, contact_id);
CREATE INDEX case_record_parent ON case_record (org_id, parent_id);
CREATE UNIQUE INDEX case_record_number ON case_record (org_id, fold_case(case_number));

CREATE TABLE task (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    who_id TEXT,
    what_id TEXT,
    subject TEXT,
    activity_date TEXT,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    description TEXT,
    account_id TEXT,
    call_duration_in_seconds INTEGER,
    call_type TEXT,
    task_subtype TEXT,
    completed_date_time BIGINT,
    is_reminder_set INTEGER NOT NULL DEFAULT 0,
    reminder_date_time BIGINT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX task_modstamp ON task (org_id, system_modstamp);
CREATE INDEX task_owner ON task (org_id, owner_id);
CREATE INDEX task_who ON task (org_id, who_id);
CREATE INDEX task_what ON task (org_id, what_id);
CREATE INDEX task_account ON task (org_id, account_id);

CREATE TABLE report (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    developer_name TEXT NOT NULL,
    developer_name_key TEXT NOT NULL,
    folder_name TEXT,
    description TEXT,
    format TEXT NOT NULL,
    namespace_prefix TEXT,
    query TEXT NOT NULL,
    last_run_date BIGINT,
    owner_id TEXT NOT NULL,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX report_modstamp ON report (org_id, system_modstamp);
CREATE INDEX report_name_key ON report (org_id, fold_case(name));
CREATE UNIQUE INDEX report_developer_name ON report (org_id, developer_name_key) WHERE is_deleted = 0;

ALTER TABLE user_account ADD COLUMN division TEXT;
ALTER TABLE user_account ADD COLUMN fax TEXT;
ALTER TABLE user_account ADD COLUMN extension TEXT;
ALTER TABLE user_account ADD COLUMN manager_id TEXT;
ALTER TABLE user_account ADD COLUMN about_me TEXT;
ALTER TABLE user_account ADD COLUMN receives_info_emails INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_account ADD COLUMN receives_admin_info_emails INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user_account ADD COLUMN sender_email TEXT;
ALTER TABLE user_account ADD COLUMN sender_name TEXT;
ALTER TABLE organization ADD COLUMN division TEXT;
ALTER TABLE organization ADD COLUMN street TEXT;
ALTER TABLE organization ADD COLUMN city TEXT;
ALTER TABLE organization ADD COLUMN state TEXT;
ALTER TABLE organization ADD COLUMN postal_code TEXT;
ALTER TABLE organization ADD COLUMN country TEXT;
ALTER TABLE organization ADD COLUMN phone TEXT;
ALTER TABLE organization ADD COLUMN fax TEXT;
ALTER TABLE organization ADD COLUMN primary_contact TEXT;
ALTER TABLE organization ADD COLUMN fiscal_year_start_month INTEGER NOT NULL DEFAULT 1;
ALTER TABLE organization ADD COLUMN uses_start_date_as_fiscal_year_name INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organization ADD COLUMN receives_info_emails INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organization ADD COLUMN receives_admin_info_emails INTEGER NOT NULL DEFAULT 0;
ALTER TABLE organization ADD COLUMN signup_country_iso_code TEXT;
ALTER TABLE organization ADD COLUMN is_read_only INTEGER NOT NULL DEFAULT 0;

-- Accounts and contacts get about twenty columns each; SQLite adds them one by one, so the tables are made anew.
DROP INDEX account_name_key;
ALTER TABLE account RENAME TO account_before;
CREATE TABLE account (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    name TEXT NOT NULL,
    type TEXT,
    parent_id TEXT,
    billing_street TEXT,
    billing_city TEXT,
    billing_state TEXT,
    billing_postal_code TEXT,
    billing_country TEXT,
    shipping_street TEXT,
    shipping_city TEXT,
    shipping_state TEXT,
    shipping_postal_code TEXT,
    shipping_country TEXT,
    phone TEXT,
    fax TEXT,
    account_number TEXT,
    website TEXT,
    sic TEXT,
    industry TEXT,
    annual_revenue DOUBLE PRECISION,
    number_of_employees INTEGER,
    ownership TEXT,
    ticker_symbol TEXT,
    description TEXT,
    rating TEXT,
    site TEXT,
    account_source TEXT,
    owner_id TEXT NOT NULL,
    last_activity_date TEXT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
INSERT INTO account (
    org_id, id, is_deleted, name, phone, website, owner_id, created_date, created_by_id, last_modified_date,
    last_modified_by_id, system_modstamp
) SELECT
    org_id, id, is_deleted, name, phone, website, owner_id, created_date, created_by_id, last_modified_date,
    last_modified_by_id, system_modstamp
FROM account_before;
DROP TABLE account_before;
DROP INDEX contact_modstamp;
DROP INDEX contact_account;
DROP INDEX contact_email_key;
DROP INDEX contact_name_key;
ALTER TABLE contact RENAME TO contact_before;
CREATE TABLE contact (
    org_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0,
    account_id TEXT,
    last_name TEXT NOT NULL,
    first_name TEXT,
    salutation TEXT,
    name TEXT NOT NULL,
    other_street TEXT,
    other_city TEXT,
    other_state TEXT,
    other_postal_code TEXT,
    other_country TEXT,
    mailing_street TEXT,
    mailing_city TEXT,
    mailing_state TEXT,
    mailing_postal_code TEXT,
    mailing_country TEXT,
    phone TEXT,
    fax TEXT,
    mobile_phone TEXT,
    home_phone TEXT,
    other_phone TEXT,
    assistant_phone TEXT,
    reports_to_id TEXT,
    email TEXT,
    title TEXT,
    department TEXT,
    assistant_name TEXT,
    lead_source TEXT,
    birthdate TEXT,
    description TEXT,
    owner_id TEXT NOT NULL,
    has_opted_out_of_email INTEGER NOT NULL DEFAULT 0,
    has_opted_out_of_fax INTEGER NOT NULL DEFAULT 0,
    do_not_call INTEGER NOT NULL DEFAULT 0,
    last_activity_date TEXT,
    email_bounced_reason TEXT,
    email_bounced_date BIGINT,
    created_date BIGINT NOT NULL,
    created_by_id TEXT NOT NULL,
    last_modified_date BIGINT NOT NULL,
    last_modified_by_id TEXT NOT NULL,
    system_modstamp BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
INSERT INTO contact (
    org_id, id, is_deleted, account_id, last_name, first_name, salutation, name, title, department, email, phone,
    mobile_phone, mailing_street, mailing_city, mailing_state, mailing_postal_code, mailing_country, birthdate,
    description, has_opted_out_of_email, owner_id, created_date, created_by_id, last_modified_date, last_modified_by_id,
    system_modstamp
) SELECT
    org_id, id, is_deleted, account_id, last_name, first_name, salutation, name, title, department, email, phone,
    mobile_phone, mailing_street, mailing_city, mailing_state, mailing_postal_code, mailing_country, birthdate,
    description, has_opted_out_of_email, owner_id, created_date, created_by_id, last_modified_date, last_modified_by_id,
    system_modstamp
FROM contact_before;
DROP TABLE contact_before;
CREATE INDEX account_name_key ON account (org_id, fold_case(name));
CREATE INDEX contact_modstamp ON contact (org_id, system_modstamp);
CREATE INDEX contact_account ON contact (org_id, account_id);
CREATE INDEX contact_email_key ON contact (org_id, fold_case(email));
CREATE INDEX contact_name_key ON contact (org_id, fold_case(name));
CREATE INDEX account_modstamp ON account (org_id, system_modstamp);
CREATE INDEX account_owner ON account (org_id, owner_id);
CREATE INDEX account_parent ON account (org_id, parent_id);
CREATE INDEX contact_owner ON contact (org_id, owner_id);
CREATE INDEX contact_reports_to ON contact (org_id, reports_to_id);
CREATE INDEX user_account_name_key ON user_account (org_id, fold_case(name));
CREATE INDEX user_account_email_key ON user_account (org_id, fold_case(email));
-- Nicknames differ as texts that differ in more than the case of their letters, of every alphabet.
DROP INDEX user_account_nickname;
CREATE UNIQUE INDEX user_account_nickname ON user_account (org_id, fold_case(community_nickname));

-- +goose Down
DROP INDEX user_account_nickname;
CREATE UNIQUE INDEX user_account_nickname ON user_account (org_id, LOWER(community_nickname));
DROP INDEX user_account_email_key;
DROP INDEX user_account_name_key;
DROP INDEX contact_reports_to;
DROP INDEX contact_owner;
DROP INDEX account_parent;
DROP INDEX account_owner;
DROP INDEX account_modstamp;
ALTER TABLE account DROP COLUMN type;
ALTER TABLE account DROP COLUMN parent_id;
ALTER TABLE account DROP COLUMN billing_street;
ALTER TABLE account DROP COLUMN billing_city;
ALTER TABLE account DROP COLUMN billing_state;
ALTER TABLE account DROP COLUMN billing_postal_code;
ALTER TABLE account DROP COLUMN billing_country;
ALTER TABLE account DROP COLUMN shipping_street;
ALTER TABLE account DROP COLUMN shipping_city;
ALTER TABLE account DROP COLUMN shipping_state;
ALTER TABLE account DROP COLUMN shipping_postal_code;
ALTER TABLE account DROP COLUMN shipping_country;
ALTER TABLE account DROP COLUMN fax;
ALTER TABLE account DROP COLUMN account_number;
ALTER TABLE account DROP COLUMN sic;
ALTER TABLE account DROP COLUMN industry;
ALTER TABLE account DROP COLUMN annual_revenue;
ALTER TABLE account DROP COLUMN number_of_employees;
ALTER TABLE account DROP COLUMN ownership;
ALTER TABLE account DROP COLUMN ticker_symbol;
ALTER TABLE account DROP COLUMN description;
ALTER TABLE account DROP COLUMN rating;
ALTER TABLE account DROP COLUMN site;
ALTER TABLE account DROP COLUMN account_source;
ALTER TABLE account DROP COLUMN last_activity_date;
ALTER TABLE contact DROP COLUMN other_street;
ALTER TABLE contact DROP COLUMN other_city;
ALTER TABLE contact DROP COLUMN other_state;
ALTER TABLE contact DROP COLUMN other_postal_code;
ALTER TABLE contact DROP COLUMN other_country;
ALTER TABLE contact DROP COLUMN fax;
ALTER TABLE contact DROP COLUMN home_phone;
ALTER TABLE contact DROP COLUMN other_phone;
ALTER TABLE contact DROP COLUMN assistant_phone;
ALTER TABLE contact DROP COLUMN reports_to_id;
ALTER TABLE contact DROP COLUMN assistant_name;
ALTER TABLE contact DROP COLUMN lead_source;
ALTER TABLE contact DROP COLUMN has_opted_out_of_fax;
ALTER TABLE contact DROP COLUMN do_not_call;
ALTER TABLE contact DROP COLUMN last_activity_date;
ALTER TABLE contact DROP COLUMN email_bounced_reason;
ALTER TABLE contact DROP COLUMN email_bounced_date;
ALTER TABLE user_account DROP COLUMN division;
ALTER TABLE user_account DROP COLUMN fax;
ALTER TABLE user_account DROP COLUMN extension;
ALTER TABLE user_account DROP COLUMN manager_id;
ALTER TABLE user_account DROP COLUMN about_me;
ALTER TABLE user_account DROP COLUMN receives_info_emails;
ALTER TABLE user_account DROP COLUMN receives_admin_info_emails;
ALTER TABLE user_account DROP COLUMN sender_email;
ALTER TABLE user_account DROP COLUMN sender_name;
ALTER TABLE organization DROP COLUMN division;
ALTER TABLE organization DROP COLUMN street;
ALTER TABLE organization DROP COLUMN city;
ALTER TABLE organization DROP COLUMN state;
ALTER TABLE organization DROP COLUMN postal_code;
ALTER TABLE organization DROP COLUMN country;
ALTER TABLE organization DROP COLUMN phone;
ALTER TABLE organization DROP COLUMN fax;
ALTER TABLE organization DROP COLUMN primary_contact;
ALTER TABLE organization DROP COLUMN fiscal_year_start_month;
ALTER TABLE organization DROP COLUMN uses_start_date_as_fiscal_year_name;
ALTER TABLE organization DROP COLUMN receives_info_emails;
ALTER TABLE organization DROP COLUMN receives_admin_info_emails;
ALTER TABLE organization DROP COLUMN signup_country_iso_code;
ALTER TABLE organization DROP COLUMN is_read_only;
DROP TABLE report;
DROP TABLE task;
DROP TABLE case_record;
DROP TABLE opportunity;
DROP TABLE campaign_member_status;
DROP TABLE campaign_member;
DROP TABLE campaign;
DROP TABLE lead;
DROP TABLE record_number;
