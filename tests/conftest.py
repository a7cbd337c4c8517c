"""How hypothesis runs here: without a clock, since these machines are shared."""

from hypothesis import settings

settings.register_profile("here", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("here")  # under CI, hypothesis has a profile of its own
