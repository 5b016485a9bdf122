"""CloudWatch Logs Insights: its language, saved questions, their runs. `text` and `lint` are pure."""
