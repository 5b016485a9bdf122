from django.db import migrations

from opsportal.audit.sql import CREATE, DROP


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    # CREATE TYPE of the row is implied by the table; the functions take it whole.
    operations = [migrations.RunSQL(sql="".join(CREATE), reverse_sql=DROP)]
