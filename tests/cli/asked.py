"""What a command asks of the workflow that it calls, without the work."""

import importlib


class Asked:
    """Takes a workflow's place: remembers what it was given, returns what it shall."""

    def __init__(self, monkeypatch, module, name, answer):
        self.given, self.named, self.answer = None, {}, answer
        monkeypatch.setattr(importlib.import_module(module), name, self)

    def __call__(self, *given, **named):
        self.given, self.named = given, named
        return self.answer
