"""How jobs are run: one small interface over SLURM and over local processes."""
