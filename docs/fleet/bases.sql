-- Which base images are in use, by how many images, and how old are they? The age of a base
-- is that of the newest step of its layers.
WITH base AS (
  SELECT image, max(created) AS built, max_by(layer, layer_index) AS top
  FROM image_layers WHERE base GROUP BY image
)
SELECT coalesce(i.base_name, b.top) AS base, count(*) AS images, max(b.built) AS built,
  date_diff('day', max(b.built), max(i.created)) AS days_before_newest_image,
  sum(i.user_stored_bytes) AS own_bytes
FROM images i JOIN base b USING (image)
WHERE i.error IS NULL
GROUP BY coalesce(i.base_name, b.top)
ORDER BY images DESC, base
LIMIT 50;
