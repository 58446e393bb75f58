"""Runs the operator: kopf feeds it ScheduledJobs, informers feed it Jobs; probes and Events report what it does."""
