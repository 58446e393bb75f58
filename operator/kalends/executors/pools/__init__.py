"""Thread and process pools in the operator's own pod."""
