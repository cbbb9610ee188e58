-- Which contents are stored several times, in different layers, and how much do the copies cost?
SELECT encode_hex.sum, copies, size, (copies - 1) * size AS again_bytes, path
FROM (
  SELECT hex(sum) AS sum, count(*) AS copies, any_value(stored) AS size, min(path) AS path
  FROM files WHERE type = 'file' AND stored > 0
  GROUP BY sum
) encode_hex
WHERE copies > 1
ORDER BY again_bytes DESC, path
LIMIT 50;
