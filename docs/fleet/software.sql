-- Which versions of a package are installed, and in how many images?
--   SET VARIABLE package = 'openssl';
SELECT p.type, p.name, p.version, count(*) AS images, sum(p.stored_bytes) AS stored_bytes, min(i.name) AS example
FROM packages p JOIN images i USING (image)
WHERE p.name = getvariable('package') AND p.installed
GROUP BY p.type, p.name, p.version
ORDER BY images DESC, p.type, p.version
LIMIT 100;
