"""The simulated AWS of the demo and the tests: one loopback process, pinned moto and our corrections.

Everything it knows is made from three things: the catalogue (which resources and metrics there are),
the script of the past and the faults switched on since. A value is a function of series and minute,
so a restart shows the same past and history costs no memory.
"""
