"""Platforms, their members and policy; people and the ways in."""

from django.urls import URLPattern, URLResolver, path

from opsportal.platforms.views import entrance, members, pages, people

app_name = "platforms"
urlpatterns: list[URLPattern | URLResolver] = [
    path("first-run/", entrance.first_run, name="first-run"),
    path("first-steps/", entrance.first_steps, name="first-steps"),
    path("join/<str:text>/", entrance.join, name="join"),
    path("people/", people.person_list, name="people"),
    path("people/invite/", people.person_invite, name="person-invite"),
    path("people/invitations/<int:pk>/revoke/", people.invitation_end_action, name="invitation-revoke"),
    path("people/<int:pk>/", people.person_detail, name="person"),
    path("people/<int:pk>/deactivate/", people.person_deactivate_action, name="person-deactivate"),
    path("people/<int:pk>/reactivate/", people.person_reactivate_action, name="person-reactivate"),
    path("people/<int:pk>/portal-admin/", people.person_portal_admin, name="person-portal-admin"),
    path("people/<int:pk>/reset-mfa/", people.person_mfa_reset_action, name="person-reset-mfa"),
    path("platforms/", pages.platform_list, name="list"),
    path("platforms/new/", pages.platform_new, name="new"),
    path("platforms/<slug:key>/", pages.platform_detail, name="detail"),
    path("platforms/<slug:key>/edit/", pages.platform_edit, name="edit"),
    path("platforms/<slug:key>/members/", members.member_list, name="members"),
    path("platforms/<slug:key>/members/add/", members.member_add_action, name="member-add"),
    path("platforms/<slug:key>/members/<int:pk>/role/", members.member_change_action, name="member-role"),
    path("platforms/<slug:key>/members/<int:pk>/remove/", members.member_end_action, name="member-remove"),
    path("platforms/<slug:key>/<slug:slug>/", pages.row_list, name="rows"),
    path("platforms/<slug:key>/<slug:slug>/new/", pages.row_new, name="row-new"),
    path("platforms/<slug:key>/<slug:slug>/<int:pk>/", pages.row_edit, name="row"),
    path("platforms/<slug:key>/<slug:slug>/<int:pk>/delete/", pages.row_remove_action, name="row-delete"),
]
