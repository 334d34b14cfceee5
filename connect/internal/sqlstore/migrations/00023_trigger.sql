-- Triggered sends on records: which object's records fire which definition, and each firing.

-- +goose Up
CREATE TABLE record_trigger (
    pair_id TEXT NOT NULL REFERENCES link (pair_id) ON DELETE CASCADE,
    trigger_id TEXT NOT NULL,
    name TEXT NOT NULL,
    object_name TEXT NOT NULL,
    -- insert, update, either, either_subsequently
    event TEXT NOT NULL,
    -- JSON array of {"field","operator","value"}; all hold.
    criteria TEXT NOT NULL,
    -- The field with the contact or lead; '' where the record is one.
    person_field TEXT NOT NULL,
    delay_hours INTEGER NOT NULL,
    definition_key TEXT NOT NULL,
    active INTEGER NOT NULL,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Since when it is active: what was made before is no insert.
    active_since BIGINT NOT NULL,
    -- Domain time up to which the object was read.
    watermark BIGINT NOT NULL,
    error_code TEXT NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (pair_id, trigger_id)
);

-- What a trigger saw of a record last: at which SystemModstamp, and whether its criteria held.
CREATE TABLE trigger_seen (
    pair_id TEXT NOT NULL,
    trigger_id TEXT NOT NULL,
    record_id TEXT NOT NULL,
    modstamp BIGINT NOT NULL,
    met INTEGER NOT NULL,
    PRIMARY KEY (pair_id, trigger_id, record_id),
    FOREIGN KEY (pair_id, trigger_id) REFERENCES record_trigger (pair_id, trigger_id) ON DELETE CASCADE
);

CREATE TABLE trigger_firing (
    pair_id TEXT NOT NULL,
    trigger_id TEXT NOT NULL,
    record_id TEXT NOT NULL,
    modstamp BIGINT NOT NULL,
    person_id TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    -- waiting, done, failed
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    message_key TEXT NOT NULL,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (pair_id, trigger_id, record_id, modstamp),
    FOREIGN KEY (pair_id, trigger_id) REFERENCES record_trigger (pair_id, trigger_id) ON DELETE CASCADE
);
CREATE INDEX trigger_firing_due ON trigger_firing (pair_id, due_at) WHERE status = 'waiting';

-- Who looks for events of a pair at the moment; machine time.
CREATE TABLE trigger_lease (
    pair_id TEXT PRIMARY KEY REFERENCES link (pair_id) ON DELETE CASCADE,
    lease_until BIGINT NOT NULL
);

-- +goose Down
DROP TABLE trigger_lease;
DROP TABLE trigger_firing;
DROP TABLE trigger_seen;
DROP TABLE record_trigger;
