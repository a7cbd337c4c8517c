"""CatBoost models of every metric over configuration and epoch."""
