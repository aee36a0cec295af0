"""Images and structures as immutable values."""
