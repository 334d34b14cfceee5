-- The zip of a deployment is sealed; one that was waiting before is not. Whoever has the database alone reads no app's secret.

-- +goose Up
ALTER TABLE deployment ADD COLUMN zip_sealed INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE deployment DROP COLUMN zip_sealed;
