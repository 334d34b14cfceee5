-- The bytes of a bulk job's results: they count to what an org keeps, as its uploads do.

-- +goose Up
ALTER TABLE bulk_job ADD COLUMN answered BIGINT NOT NULL DEFAULT 0;
UPDATE bulk_job SET answered = COALESCE((SELECT SUM(LENGTH(p.data)) FROM bulk_page p WHERE p.org_id = bulk_job.org_id AND p.job_id = bulk_job.id), 0);

-- +goose Down
ALTER TABLE bulk_job DROP COLUMN answered;
