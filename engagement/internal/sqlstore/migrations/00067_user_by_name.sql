-- A filter by UserID compares without regard to case; it is how Connect reads the API user.

-- +goose Up
CREATE INDEX account_user_folded ON account_user (eid, lower(username));

-- +goose Down
DROP INDEX account_user_folded;
