-- Lists with their subscribers, sender profiles and send classifications that people make; the default ones of each are
-- part of the program.

-- +goose Up
CREATE TABLE subscriber_list (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    mid BIGINT NOT NULL,
    object_id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    key_fold TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    list_type TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX subscriber_list_key ON subscriber_list (eid, mid, key_fold);

CREATE TABLE list_subscriber (
    eid BIGINT NOT NULL,
    list_id BIGINT NOT NULL,
    subscriber_id BIGINT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, list_id, subscriber_id),
    FOREIGN KEY (eid, list_id) REFERENCES subscriber_list (eid, id) ON DELETE CASCADE,
    FOREIGN KEY (eid, subscriber_id) REFERENCES subscriber (eid, id) ON DELETE CASCADE
);
CREATE INDEX list_subscriber_lists ON list_subscriber (eid, subscriber_id);

CREATE TABLE sender_profile (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    key_fold TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    from_name TEXT NOT NULL,
    from_address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX sender_profile_key ON sender_profile (eid, mid, key_fold);

CREATE TABLE send_classification (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    mid BIGINT NOT NULL,
    id TEXT NOT NULL,
    customer_key TEXT NOT NULL,
    key_fold TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    -- Operational (transactional) or Marketing (commercial).
    kind TEXT NOT NULL,
    -- The sender profile's customer key; Default is the program's.
    profile_key TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (eid, id)
);
CREATE UNIQUE INDEX send_classification_key ON send_classification (eid, mid, key_fold);

-- +goose Down
DROP TABLE send_classification;
DROP TABLE sender_profile;
DROP TABLE list_subscriber;
DROP TABLE subscriber_list;
