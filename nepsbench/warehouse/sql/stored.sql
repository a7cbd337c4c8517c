-- What is stored of a profile; a column that its files are too old to have is null.
CREATE OR REPLACE VIEW stored_$name AS
SELECT * FROM new_$name WHERE false UNION ALL BY NAME SELECT * FROM $source;
