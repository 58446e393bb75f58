"""What the reports of executors mean for runs: started, waiting for admission, ended, to be retried. Pure."""
