"""Recipes, the training loop, checkpoints, and the worker that runs a portfolio."""
