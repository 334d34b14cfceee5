-- What lists of emails show and are filtered by, apart from the bodies: a list reads the index and no body.

-- +goose Up
ALTER TABLE email ADD COLUMN html_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE email ADD COLUMN text_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE email SET html_bytes = octet_length(html_body), text_bytes = octet_length(text_body);
CREATE INDEX email_head ON email (eid, mid, id, object_id, customer_key, name, html_bytes, text_bytes, created_at, modified_at);

-- +goose Down
DROP INDEX email_head;
ALTER TABLE email DROP COLUMN text_bytes;
ALTER TABLE email DROP COLUMN html_bytes;
