INSERT INTO $name SELECT * FROM incoming;
