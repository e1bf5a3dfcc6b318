from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('library', '0002_reading_again'),
    ]

    operations = [
        migrations.AddField(
            model_name='revision',
            name='taken_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='revision',
            index=models.Index(condition=models.Q(('base', None)), fields=['workspace', 'taken_at'], name='revision_turn_text'),
        ),
        migrations.AddIndex(
            model_name='revision',
            index=models.Index(condition=models.Q(('base__isnull', False)), fields=['workspace', 'taken_at'], name='revision_turn_recognition'),
        ),
    ]
