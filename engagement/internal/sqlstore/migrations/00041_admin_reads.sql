-- Outside Enterprise 2.0 the role Marketing Cloud Administrator is all that a connection's API user has, so it reads what
-- a connection asks for. In Enterprise 2.0 he has the role Administrator beside it.

-- +goose Up
UPDATE role SET allowed = substr(allowed, 1, length(allowed) - 1) ||
    ',"Email.Read","ListAndSubscribers.Read","DataExtensions.Read","TrackingEvents.Read","SavedContent.Read","DocumentsAndImages.Read"]'
WHERE customer_key = 'SYS_DEF_IMHADMIN' AND is_system = 1 AND eid IN (SELECT eid FROM tenant WHERE account_type <> 'ENTERPRISE_2');

-- +goose Down
SELECT 1;
