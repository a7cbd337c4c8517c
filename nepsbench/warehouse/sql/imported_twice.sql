-- The first key that stands more than once in what is being imported.
SELECT $key FROM $source GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1;
