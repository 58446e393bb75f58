"""The operator's shell: kopf shows it ScheduledJobs, informers show it Jobs; probes and Events tell what it does."""
