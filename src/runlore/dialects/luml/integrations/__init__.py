"""`luml.integrations`: saving models of other libraries."""
