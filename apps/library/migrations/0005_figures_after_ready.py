from django.db import migrations, models


def note_those_looked_for(apps, schema_editor):
    """Until now figures were looked for before a reading was ready."""
    apps.get_model("library", "Revision").objects.filter(status="ready").update(
        figures_at=models.F("ready_at")
    )


class Migration(migrations.Migration):
    dependencies = [
        ("library", "0004_upload_document"),
    ]

    operations = [
        migrations.AddField(
            model_name="revision",
            name="figures_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="revision",
            index=models.Index(
                condition=models.Q(("base", None), ("figures_at", None), ("status", "ready")),
                fields=["queued_at"],
                name="revision_without_figures",
            ),
        ),
        migrations.RunPython(note_those_looked_for, migrations.RunPython.noop, elidable=True),
    ]
