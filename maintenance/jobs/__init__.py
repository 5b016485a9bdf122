"""One module per kind of job: it says what the job would do (a plan) and how its calls are carried out."""
