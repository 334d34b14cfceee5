-- Connections are looked up by their enterprise and by their org: the rules for several orgs on one enterprise.

-- +goose Up
CREATE INDEX link_eid ON link (eid);
CREATE INDEX link_org ON link (org_id);

-- +goose Down
DROP INDEX link_org;
DROP INDEX link_eid;
