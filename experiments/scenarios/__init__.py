"""Scenarios that ship with the project, as TOML."""
