"""One module per action on AWS or a database: what it asks for, how its plan is written, how its calls are made.

An action is only ever requested as a plan: another person approves its exact calls, the worker makes them once, and
what is there afterwards is read back.
"""
