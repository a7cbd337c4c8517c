"""The networks of NAS-Bench-360's experts, one a module, called after its architecture."""
