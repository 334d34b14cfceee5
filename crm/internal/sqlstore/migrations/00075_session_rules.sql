-- Where sessions and apps may be used from.

-- +goose Up
-- The host that a browser called when it signed in, without a port; NULL of programs. Where it came from is in login_history.
ALTER TABLE auth_session ADD COLUMN host TEXT;
-- Allow-listed addresses of a connected app, JSON: [{"start": …, "end": …, "description": …}].
ALTER TABLE connected_application ADD COLUMN ip_ranges TEXT NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE connected_application DROP COLUMN ip_ranges;
ALTER TABLE auth_session DROP COLUMN host;
