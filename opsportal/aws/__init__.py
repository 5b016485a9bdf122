"""The only package that talks to AWS. Its functions return frozen dataclasses and read; `acting` alone changes AWS."""
