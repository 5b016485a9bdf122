"""What people may send; every text is cleaned at the edge."""

from django import forms

from opsportal.core.forms import CleanCharField, CleanForm


class VersionForm(CleanForm):
    version = forms.IntegerField(min_value=0, max_value=2_147_483_647, widget=forms.HiddenInput)


class ReasonForm(VersionForm):
    reason = CleanCharField(max_length=400, label="Reason")


class NoteForm(VersionForm):
    note = CleanCharField(max_length=2000, required=False, label="Note", widget=forms.Textarea(attrs={"rows": 3}))


class HandOverForm(VersionForm):
    body = CleanCharField(max_length=10_000, label="Hand-over note", widget=forms.Textarea(attrs={"rows": 6}))


class LogForm(forms.Form):
    platform = forms.IntegerField(min_value=1, max_value=9_223_372_036_854_775_807, label="Platform")
    text = CleanCharField(max_length=4000, label="What happened", widget=forms.Textarea(attrs={"rows": 2}))
