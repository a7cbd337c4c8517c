SELECT (SELECT count(*) FROM added_epochs), (SELECT count(*) FROM renewed_epochs);
