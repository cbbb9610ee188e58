-- Where did the growth between an older plan and this one come from? The query shows new
-- layers, by the step that made them.
--   SET VARIABLE before = 'fedcba9876543210';
WITH old AS (
  SELECT layer FROM read_parquet(getvariable('store') || '/tables/layers/plan=' || getvariable('before') || '/*.parquet', hive_partitioning = false)
), new AS (
  SELECT layer, bytes, images FROM layers ANTI JOIN old USING (layer)
), step AS (
  SELECT layer, min(command) AS command, min(image) AS image FROM image_layers GROUP BY layer
)
SELECT step.command, count(*) AS layers, sum(new.bytes) AS bytes, sum(new.images) AS images, min(i.repository) AS repository
FROM new JOIN step USING (layer) JOIN images i USING (image)
GROUP BY step.command
ORDER BY bytes DESC, step.command
LIMIT 50;
