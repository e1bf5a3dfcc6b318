from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0003_evidence_is_hidden")]

    operations = [
        migrations.AlterField(
            model_name="evidence",
            name="is_hidden",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
