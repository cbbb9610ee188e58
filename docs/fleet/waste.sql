-- Which images waste the most, and which step of each is most to blame?
SELECT i.name, i.platform, i.wasted_bytes, i.stored_bytes, round(i.efficiency, 3) AS efficiency, f.step, f.bytes AS step_bytes, f.title
FROM images i
LEFT JOIN (
  SELECT image, step, bytes, title, row_number() OVER (PARTITION BY image ORDER BY bytes DESC, id) AS n
  FROM findings WHERE rule = 'waste'
) f ON f.image = i.image AND f.n = 1
WHERE i.error IS NULL
ORDER BY i.wasted_bytes DESC, i.name, i.platform
LIMIT 50;
