-- Which images ship a file, in which layer, by which step, and does a higher layer hide it?
--   SET VARIABLE pattern = '%/log4j-core-2.14%.jar';
WITH found AS (
  SELECT l.image, l.layer_index, l.layer, l.command, f.path, f.size
  FROM files f JOIN image_layers l USING (layer)
  WHERE f.path LIKE getvariable('pattern') AND f.whiteout IS NULL AND f.type IN ('file', 'hardlink', 'symlink')
)
SELECT i.name, i.platform, x.layer_index, x.path, x.size,
  EXISTS (
    SELECT 1 FROM image_layers u JOIN files w ON w.layer = u.layer
    WHERE u.image = x.image AND u.layer_index > x.layer_index AND (
      w.path = x.path
      OR w.whiteout IS NOT NULL AND starts_with(x.path, CASE w.path WHEN '/' THEN '/' ELSE w.path || '/' END)
      OR w.whiteout IS NULL AND w.type <> 'dir' AND starts_with(x.path, w.path || '/')
    )
  ) AS hidden,
  x.command
FROM found x JOIN images i USING (image)
ORDER BY i.name, i.platform, x.path, x.layer_index
LIMIT 1000;
