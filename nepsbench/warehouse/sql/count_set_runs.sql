SELECT count(*) FROM with_runs WHERE changed;
