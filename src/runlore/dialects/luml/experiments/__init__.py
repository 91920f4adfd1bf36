"""`luml.experiments`: tracking and evaluation."""
