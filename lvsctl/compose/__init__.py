"""Between the nouns: what a Spec means as a keepalived configuration, and a configuration as a Spec."""
