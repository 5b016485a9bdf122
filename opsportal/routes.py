"""The actions of routes that libraries bring along; every other view declares its own in code.

Names are the resolver's view names; "admin:" stands for the whole read-only admin site. A route of a library that
is missing here is denied.
"""

from typing import Final

ROUTE_ACTIONS: Final[dict[str, str]] = {
    "account_login": "accounts.session_open",
    "account_signup": "accounts.session_open",
    "account_inactive": "accounts.session_open",
    "account_reset_password": "accounts.password_reset",
    "account_reset_password_done": "accounts.password_reset",
    "account_reset_password_from_key": "accounts.password_reset",
    "account_reset_password_from_key_done": "accounts.password_reset",
    "account_confirm_email": "accounts.session_open",
    "account_email_verification_sent": "accounts.session_open",
    "account_confirm_login_code": "accounts.session_open",
    "account_logout": "accounts.session_close",
    "account_reauthenticate": "accounts.settings_edit",
    "account_change_password": "accounts.settings_edit",
    "account_set_password": "accounts.settings_edit",
    "account_email": "accounts.settings_edit",
    "mfa_authenticate": "accounts.session_open",
    "mfa_index": "accounts.settings_edit",
    "mfa_reauthenticate": "accounts.settings_edit",
    "mfa_activate_totp": "accounts.settings_edit",
    "mfa_deactivate_totp": "accounts.settings_edit",
    "mfa_view_recovery_codes": "accounts.settings_edit",
    "mfa_generate_recovery_codes": "accounts.settings_edit",
    "mfa_download_recovery_codes": "accounts.settings_edit",
    "admin:": "core.admin_view",
}
