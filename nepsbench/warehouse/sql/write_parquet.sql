COPY ($source) TO $path (FORMAT parquet, COMPRESSION zstd);
