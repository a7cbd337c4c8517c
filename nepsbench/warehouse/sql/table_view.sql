-- One of the two tables: what its files hold, with every column of the schema.
CREATE OR REPLACE VIEW $name AS
SELECT * FROM empty_$name UNION ALL BY NAME SELECT * FROM $source;
