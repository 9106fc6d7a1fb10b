"""Scenarios, runs, figures and the command line."""
