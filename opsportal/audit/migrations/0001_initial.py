from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.BigIntegerField(help_text='platform id, or 0 for the portal')),
                ('seq', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('verb', models.CharField(max_length=120)),
                ('obj_kind', models.CharField(max_length=60)),
                ('obj_id', models.CharField(max_length=60)),
                ('actor_kind', models.CharField(max_length=10)),
                ('actor_user_id', models.BigIntegerField(null=True)),
                ('actor_token_id', models.BigIntegerField(null=True)),
                ('actor_system', models.CharField(blank=True, help_text='the loop or command, for the portal itself', max_length=80)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('ip', models.CharField(blank=True, max_length=45)),
                ('ip_salt', models.BinaryField(max_length=16)),
                ('ip_digest', models.BinaryField(max_length=32)),
                ('data', models.JSONField(default=dict)),
                ('previous_hash', models.BinaryField(max_length=32)),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={
                'indexes': [models.Index(fields=['chain', '-at'], name='audit_chain_at'), models.Index(fields=['obj_kind', 'obj_id'], name='audit_object'), models.Index(fields=['actor_user_id', '-at'], name='audit_actor')],
                'constraints': [models.UniqueConstraint(fields=('chain', 'seq'), name='audit_chain_seq_unique')],
            },
        ),
        migrations.CreateModel(
            name='AuditHead',
            fields=[
                ('chain', models.BigIntegerField(primary_key=True, serialize=False)),
                ('seq', models.BigIntegerField(default=0)),
                ('hash', models.BinaryField(max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name='AuditCheckpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.BigIntegerField()),
                ('seq', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
                ('at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['chain', '-seq'], name='audit_checkpoint_last')],
            },
        ),
    ]
