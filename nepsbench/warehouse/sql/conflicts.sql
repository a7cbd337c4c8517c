-- Rows that stand in the warehouse and in the new results with values that must be equal and are not.
SELECT $columns
FROM new_$table AS new JOIN stored_$table AS stored USING ($key)
WHERE $difference
ORDER BY $key
LIMIT 1;
