-- +goose Up
-- Commands find users by their customer keys, without regard to case. Where two have one, the later one's gets his number.
UPDATE account_user SET customer_key = customer_key || '-' || CAST(id AS TEXT) WHERE EXISTS (
    SELECT 1 FROM account_user o WHERE o.eid = account_user.eid AND lower(o.customer_key) = lower(account_user.customer_key) AND o.id < account_user.id);
DROP INDEX account_user_key;
CREATE UNIQUE INDEX account_user_key ON account_user (eid, lower(customer_key));

-- +goose Down
DROP INDEX account_user_key;
CREATE INDEX account_user_key ON account_user (eid, customer_key);
