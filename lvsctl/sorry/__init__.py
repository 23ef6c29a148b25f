"""The swap to a local sorry server and back: who owns a service, what changes, what is remembered."""
