//! YAML: where each value stands, and what of YAML is refused.
