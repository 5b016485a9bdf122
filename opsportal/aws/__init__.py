"""The only package that talks to AWS. Every function returns frozen dataclasses and makes read calls only."""
