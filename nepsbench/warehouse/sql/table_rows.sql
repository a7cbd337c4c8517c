-- The rows of a published table with their places in the file, in batches.
SELECT row_number() OVER () - 1 AS "row of the file", $columns FROM $source$order
