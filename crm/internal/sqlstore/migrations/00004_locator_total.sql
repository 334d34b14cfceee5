-- How many records a query found when it was asked, so that later batches need not count again.

-- +goose Up
ALTER TABLE query_locator ADD COLUMN total BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE query_locator DROP COLUMN total;
