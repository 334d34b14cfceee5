-- What logins of user names that nobody has are written to, so that they take as long as those of users. It has one row
-- for each of a few places, which is found by the name.

-- +goose Up
CREATE TABLE login_nobody (
    place BIGINT PRIMARY KEY,
    failed_logins BIGINT NOT NULL
);

-- +goose Down
DROP TABLE login_nobody;
