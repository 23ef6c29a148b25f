"""From bytes to untyped data: characters, then YAML's or JSON's events, then one tree with positions."""
