-- What a mailed link has to name to prove an address, and until when it works; and when an address was last mailed one,
-- which is remembered beyond the address itself, so that removing it gives nobody another mail.

-- +goose Up
ALTER TABLE verified_sender ADD COLUMN proof TEXT NOT NULL DEFAULT '';
ALTER TABLE verified_sender ADD COLUMN proof_until BIGINT NOT NULL DEFAULT 0;
CREATE TABLE verification_mail (
    eid BIGINT NOT NULL REFERENCES tenant (eid) ON DELETE CASCADE,
    address_fold TEXT NOT NULL,
    mailed_at BIGINT NOT NULL,
    PRIMARY KEY (eid, address_fold)
);

-- +goose Down
DROP TABLE verification_mail;
ALTER TABLE verified_sender DROP COLUMN proof_until;
ALTER TABLE verified_sender DROP COLUMN proof;
