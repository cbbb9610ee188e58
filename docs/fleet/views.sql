-- The tables of one plan as views. Set the two variables first:
--   SET VARIABLE store = 's3://fleet/2026';   -- or a folder
--   SET VARIABLE plan = '0123456789abcdef';
CREATE OR REPLACE VIEW images AS
SELECT * FROM read_parquet(getvariable('store') || '/tables/images/plan=' || getvariable('plan') || '/*.parquet', hive_partitioning = false);
CREATE OR REPLACE VIEW image_layers AS
SELECT * FROM read_parquet(getvariable('store') || '/tables/image_layers/plan=' || getvariable('plan') || '/*.parquet', hive_partitioning = false);
CREATE OR REPLACE VIEW layers AS
SELECT * FROM read_parquet(getvariable('store') || '/tables/layers/plan=' || getvariable('plan') || '/*.parquet', hive_partitioning = false);
CREATE OR REPLACE VIEW findings AS
SELECT * FROM read_parquet(getvariable('store') || '/tables/findings/plan=' || getvariable('plan') || '/*.parquet', hive_partitioning = false);
CREATE OR REPLACE VIEW packages AS
SELECT * FROM read_parquet(getvariable('store') || '/tables/packages/plan=' || getvariable('plan') || '/*.parquet', hive_partitioning = false);
CREATE OR REPLACE VIEW files AS
SELECT f.* FROM read_parquet(getvariable('store') || '/layers/*/*.parquet') f SEMI JOIN layers USING (layer);
