"""The parser of each kind of source that tells of deployments."""

from collections.abc import Callable, Mapping
from typing import Final

from monitoring.intake.deployments import argocd, codedeploy, codepipeline, github, gitlab, plain
from monitoring.intake.deployments.told import Told

Parser = Callable[[bytes, Mapping[str, str]], list[Told]]
PARSERS: Final[dict[str, Parser]] = {
    "argocd": argocd.parse,
    "codedeploy": codedeploy.parse,
    "codepipeline": codepipeline.parse,
    "deployment": plain.parse,
    "github": github.parse,
    "gitlab": gitlab.parse,
}
SIGNED: Final = ("github", "gitlab")  # these prove who sends by a secret of their own beside the link
