-- Keys that stand in the new results more than once.
SELECT $key FROM new_$table GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1;
