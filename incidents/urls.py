"""Routes of the incidents room. URLs carry no platform; an incident is its number."""

from django.urls import URLPattern, URLResolver, path

from incidents.views import acts, causes, composer, learning, pages, retrospectives, reviews, runbooks

app_name = "incidents"
urlpatterns: list[URLPattern | URLResolver] = [
    path("incidents/", pages.incident_list, name="list"),
    path("incidents/declare/", pages.incident_new, name="declare"),
    path("incidents/export.csv", pages.incident_export, name="export"),
    path("incidents/<int:number>/", pages.incident_detail, name="detail"),
    path("incidents/<int:number>/entries/", pages.incident_entries, name="entries"),
    path("incidents/<int:number>/timeline.md", pages.incident_timeline_export, name="timeline-export"),
    path("incidents/<int:number>/log/", composer.entry_new, name="log"),
    path("incidents/<int:number>/log/<int:entry_number>/", acts.entry_edit, name="entry-correct"),
    *(path(f"incidents/<int:number>/{act.name}/", acts.act_view(act), name=act.name) for act in acts.ACTS),
    path("incidents/<int:number>/runbook/", runbooks.incident_runbook, name="runbook"),
    path("incidents/<int:number>/review/", reviews.review_detail, name="review"),
    path("incidents/<int:number>/review/draft/", reviews.review_new, name="review-draft"),
    path("incidents/<int:number>/review/submit/", reviews.review_hand_in, name="review-submit"),
    path("incidents/<int:number>/review/publish/", reviews.review_agree, name="review-publish"),
    path("incidents/<int:number>/review/send-back/", reviews.review_return, name="review-send-back"),
    path("incidents/<int:number>/review/sections/<slug:key>/", reviews.section_edit, name="review-section"),
    path("incidents/<int:number>/review/causes/", causes.cause_new, name="review-cause-new"),
    path("incidents/<int:number>/review/causes/<int:pk>/", causes.cause_edit, name="review-cause"),
    path("incidents/<int:number>/review/causes/<int:pk>/remove/", causes.cause_drop, name="review-cause-drop"),
    path("incidents/<int:number>/review/public/", learning.review_public, name="review-public"),
    path("incidents/<int:number>/review.md", learning.review_markdown, name="review-markdown"),
    path("incidents/<int:number>/review.json", learning.review_json, name="review-json"),
    path("learnings/", learning.learnings, name="learnings"),
    path("learnings/digest.md", learning.learnings_digest, name="learnings-digest"),
    path("learnings/retrospectives/", retrospectives.retrospective_list, name="retrospectives"),
    path("learnings/retrospectives/new/", retrospectives.retrospective_new, name="retrospective-new"),
    path("learnings/retrospectives/<int:pk>/", retrospectives.retrospective_detail, name="retrospective"),
    path("learnings/retrospectives/<int:pk>/write/", retrospectives.retrospective_save, name="retrospective-write"),
    path("learnings/retrospectives/<int:pk>/close/", retrospectives.retrospective_end, name="retrospective-close"),
    path("incidents/<int:number>/actions/", reviews.action_new, name="action-new"),
    path("actions/", reviews.action_list, name="actions"),
    path("actions/<int:number>/", reviews.action_detail, name="action"),
    path("actions/<int:number>/change/", reviews.action_change, name="action-change"),
]
