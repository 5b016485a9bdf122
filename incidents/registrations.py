"""What incidents hand to the rooms below: predicates, navigation, loops."""


def register() -> None:
    """Called once, from AppConfig.ready."""
