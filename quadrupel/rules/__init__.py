"""The rule language: rule scripts are parsed, checked and read in several ways, never executed."""
