import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("library", "0003_taking_turns"),
    ]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="document",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="library.document",
            ),
        ),
    ]
