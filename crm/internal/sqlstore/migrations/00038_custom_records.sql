-- The customization as the Tooling API shows it.

-- +goose Up
CREATE VIEW custom_object_record AS
SELECT o.org_id AS org_id, o.id AS id, o.developer_name AS developer_name, CAST(NULL AS TEXT) AS namespace_prefix, o.created_date AS created_date,
    o.created_by_id AS created_by_id, o.last_modified_date AS last_modified_date, o.last_modified_by_id AS last_modified_by_id, o.system_modstamp AS system_modstamp
FROM custom_object o;

-- A field of a custom object names it by id, one of a standard object by name.
CREATE VIEW custom_field_record AS
SELECT f.org_id AS org_id, f.id AS id, COALESCE(o.id, f.object) AS table_enum_or_id, f.developer_name AS developer_name, CAST(NULL AS TEXT) AS namespace_prefix,
    f.object || '.' || f.name AS full_name, f.definition AS metadata, f.created_date AS created_date, f.created_by_id AS created_by_id,
    f.last_modified_date AS last_modified_date, f.last_modified_by_id AS last_modified_by_id, f.system_modstamp AS system_modstamp
FROM custom_field f LEFT JOIN custom_object o ON o.org_id = f.org_id AND o.name_key = f.object_key
WHERE f.is_deleted = 0;

-- +goose Down
DROP VIEW custom_field_record;
DROP VIEW custom_object_record;
