"""One message of each kind as its tool sends it: for the try from the settings page, tests and the docs."""

from typing import Any, Final

import orjson

GITHUB: Final[dict[str, Any]] = {
    "action": "created",
    "deployment": {
        "id": 145988746,
        "sha": "a10867b14bb761a232cd80139fbd4c0d33264240",
        "ref": "v2.4.0",
        "task": "deploy",
        "environment": "production",
        "description": "",
        "created_at": "2026-03-10T08:58:00Z",
        "payload": {"strategy": "canary"},
    },
    "deployment_status": {
        "state": "success",
        "description": "Deployment finished successfully.",
        "created_at": "2026-03-10T09:00:00Z",
        "log_url": "https://github.com/shop/web/actions/runs/1",
    },
    "repository": {"name": "web", "full_name": "shop/web", "html_url": "https://github.com/shop/web"},
}
_GITLAB: Final[dict[str, Any]] = {
    "object_kind": "deployment",
    "status": "success",
    "status_changed_at": "2026-03-10 09:00:00 +0000",
    "deployment_id": 15,
    "deployable_url": "https://gitlab.example/shop/web/-/jobs/796",
    "environment": "production",
    "project": {"name": "web", "path_with_namespace": "shop/web"},
    "ref": "v2.4.0",
    "short_sha": "279484c0",
    "commit_title": "Faster checkout",
}
_CODEDEPLOY: Final[dict[str, Any]] = {
    "detail-type": "CodeDeploy Deployment State-change Notification",
    "source": "aws.codedeploy",
    "account": "111111111111",
    "time": "2026-03-10T09:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:codedeploy:us-east-1:111111111111:application:web"],
    "detail": {
        "region": "us-east-1",
        "deploymentId": "d-123456789",
        "instanceGroupId": "9fd2fbef-2157-40d8-91e7-6845af69e2d2",
        "deploymentGroup": "web-blue-green",
        "state": "SUCCESS",
        "application": "web",
    },
}
_CODEPIPELINE: Final[dict[str, Any]] = {
    "detail-type": "CodePipeline Pipeline Execution State Change",
    "source": "aws.codepipeline",
    "account": "111111111111",
    "time": "2026-03-10T09:00:00Z",
    "region": "us-east-1",
    "detail": {
        "pipeline": "web",
        "execution-id": "01234567-0123-0123-0123-012345678901",
        "state": "SUCCEEDED",
        "execution-type": "STANDARD",
        "execution-trigger": {"trigger-type": "StartPipelineExecution", "trigger-detail": "release"},
        "version": 3.0,
    },
}
_ARGOCD: Final[dict[str, Any]] = {
    "app": {
        "metadata": {
            "name": "web",
            "namespace": "argocd",
            "labels": {"environment": "production", "strategy": "rolling"},
        },
        "spec": {"destination": {"namespace": "web"}},
        "status": {
            "operationState": {
                "phase": "Succeeded",
                "startedAt": "2026-03-10T08:58:00Z",
                "finishedAt": "2026-03-10T09:00:00Z",
                "message": "successfully synced (all tasks run)",
                "syncResult": {"revision": "a10867b14bb761a232cd80139fbd4c0d33264240"},
            },
            "summary": {"images": ["registry.example/shop/web:2.4.0"]},
        },
    }
}
PLAIN: Final[dict[str, Any]] = {
    "id": "web-2.4.0",
    "version": "2.4.0",
    "outcome": "completed",
    "at": "2026-03-10T09:00:00Z",
    "type": "blue-green",
    "rollback": False,
    "service": "web",
    "environment": "production",
}
DEPLOYMENTS: Final[dict[str, bytes]] = {
    "argocd": orjson.dumps(_ARGOCD),
    "codedeploy": orjson.dumps(_CODEDEPLOY),
    "codepipeline": orjson.dumps(_CODEPIPELINE),
    "deployment": orjson.dumps(PLAIN),
    "github": orjson.dumps(GITHUB),
    "gitlab": orjson.dumps(_GITLAB),
}
