"""What users do, one file a verb: options in, files and a result out; commands only print it.

Files of verbs import what they need when they run, so that wrong options are told at once.
"""
