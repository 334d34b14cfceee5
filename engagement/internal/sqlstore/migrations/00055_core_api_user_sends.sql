-- Outside Enterprise 2.0 the role Marketing Cloud Administrator is all that a connection's API user has, and triggered sends
-- go out as he.

-- +goose Up
UPDATE role SET allowed = substr(allowed, 1, length(allowed) - 1) || ',"Email.Send"]'
WHERE customer_key = 'SYS_DEF_IMHADMIN' AND is_system = 1 AND allowed NOT LIKE '%"Email.Send"%' AND eid IN (SELECT eid FROM tenant WHERE account_type <> 'ENTERPRISE_2');

-- +goose Down
SELECT 1;
