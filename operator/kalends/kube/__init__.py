"""The only package that talks to the API server, kopf's own watch of ScheduledJobs apart."""
