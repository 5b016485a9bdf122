"""What the team knows: architecture decisions of a platform."""
