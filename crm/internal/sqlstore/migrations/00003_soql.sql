-- What SOQL compares texts by is fold_case(text), a function that internal/sqldb gives both engines: LOWER knows ASCII alone
-- on SQLite, and what the server's locale says on PostgreSQL.

-- +goose Up
DROP INDEX contact_email;
CREATE INDEX contact_email_key ON contact (org_id, fold_case(email));
CREATE INDEX contact_name_key ON contact (org_id, fold_case(name));
CREATE INDEX account_name_key ON account (org_id, fold_case(name));

-- +goose Down
DROP INDEX account_name_key;
DROP INDEX contact_name_key;
DROP INDEX contact_email_key;
CREATE INDEX contact_email ON contact (org_id, LOWER(email));
