"""The service a user installs and runs."""
