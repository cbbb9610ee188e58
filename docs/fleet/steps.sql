-- Which steps waste the most over all images? A layer that images share counts once.
WITH once AS (
  SELECT step, title, layer, id, max(bytes) AS bytes, count(DISTINCT image) AS images
  FROM findings WHERE rule = 'waste' AND step IS NOT NULL
  GROUP BY step, title, layer, id
)
SELECT step, title, sum(bytes) AS bytes, sum(images) AS images, count(DISTINCT layer) AS layers
FROM once GROUP BY step, title
ORDER BY bytes DESC, step, title
LIMIT 50;
