-- The customer's own installed package in a tenant: the client ids of its two API integrations, where the span into
-- Engagement stands on it; and by what that span is to be connected next.

-- +goose Up
ALTER TABLE link ADD COLUMN engagement_client_id TEXT NOT NULL DEFAULT '';
ALTER TABLE link ADD COLUMN engagement_user_client_id TEXT NOT NULL DEFAULT '';
-- '' for as it is; jwt, password, web_app
ALTER TABLE link ADD COLUMN engagement_auth TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE link DROP COLUMN engagement_auth;
ALTER TABLE link DROP COLUMN engagement_user_client_id;
ALTER TABLE link DROP COLUMN engagement_client_id;
