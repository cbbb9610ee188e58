-- Which images ship a file, in which layer, by which step, and does a higher layer hide it?
--   SET VARIABLE pattern = '%/log4j-core-2.14%.jar';
WITH found AS (
  SELECT l.image, l.layer_index, l.layer, l.command, f.path, f.size
  FROM files f JOIN image_layers l USING (layer)
  WHERE f.path LIKE getvariable('pattern') AND f.whiteout IS NULL AND f.type IN ('file', 'hardlink', 'symlink')
), above AS ( -- the path itself, and all directories above it
  SELECT image, layer_index, path, '/' AS place FROM found
  UNION ALL
  SELECT image, layer_index, path,
    unnest(list_transform(range(2, len(string_split(path, '/')) + 1), lambda n: array_to_string(string_split(path, '/')[1:n], '/')))
  FROM found
), hidden AS (
  SELECT DISTINCT a.image, a.layer_index, a.path
  FROM above a
  JOIN image_layers u ON u.image = a.image AND u.layer_index > a.layer_index
  JOIN files w ON w.layer = u.layer AND w.path = a.place
  WHERE w.path = a.path OR w.whiteout IS NOT NULL OR w.type <> 'dir'
)
SELECT i.name, i.platform, x.layer_index, x.path, x.size, h.path IS NOT NULL AS hidden, x.command
FROM found x
JOIN images i USING (image)
LEFT JOIN hidden h USING (image, layer_index, path)
ORDER BY i.name, i.platform, x.path, x.layer_index
LIMIT 1000;
