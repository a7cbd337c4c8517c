SELECT count(*) FROM added_epochs;
