-- Fields of type encrypted show asterisks to whoever lacks View Encrypted Data. The package's set for the system user gives it,
-- so that he goes on reading what Connect keeps in one.

-- +goose Up
UPDATE permission_set SET permissions = REPLACE(permissions, '["', '["ViewEncryptedData","')
 WHERE namespace_prefix = 'et4ae5' AND name = 'Marketing_Cloud_System_User' AND permissions LIKE '["%' AND permissions NOT LIKE '%"ViewEncryptedData"%';

-- +goose Down
UPDATE permission_set SET permissions = REPLACE(permissions, '"ViewEncryptedData",', '')
 WHERE namespace_prefix = 'et4ae5' AND name = 'Marketing_Cloud_System_User';
