SELECT $column, count(*) FROM source_trials GROUP BY ALL;
