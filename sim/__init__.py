"""The market: its rules, its tables and its clock."""
