"""Where runs run: threads and processes of this pod, Kubernetes Jobs, and local commands on a laptop."""
