-- What is given in one business unit is read without what is given in others.

-- +goose Up
CREATE INDEX role_assignment_unit ON role_assignment (eid, mid, user_id, role_id);

-- +goose Down
DROP INDEX role_assignment_unit;
