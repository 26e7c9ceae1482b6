"""A run's network in the forms of other tools, each checked after it was written."""
