"""Alerts from outside (M-INC-11): who may send is told by link and signature, what is meant by a parser per shape.

Parsers are pure: any bytes become alerts or a ParseError.
"""
