"""Cron: two grammars, one meaning. ``schedule`` has five fields, ``trigger.cron`` has APScheduler's eight."""
