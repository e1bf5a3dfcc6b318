from django.urls import path

from apps.conversations import answer_views, views

app_name = "conversations"

_corpus = "w/<slug:workspace_slug>/corpora/<uuid:corpus_id>/"
_conversation = "w/<slug:workspace_slug>/conversations/<uuid:conversation_id>/"
_answer = "w/<slug:workspace_slug>/answers/<uuid:answer_id>/"

urlpatterns = [
    path(f"{_corpus}plan/", views.plan, name="plan"),
    path(f"{_corpus}questions/", views.ask_first, name="ask-first"),
    path(_conversation, views.detail, name="detail"),
    path(f"{_conversation}questions/", views.ask, name="ask"),
    path(f"{_conversation}share/", views.share, name="share"),
    path(f"{_conversation}rename/", views.rename, name="rename"),
    path(f"{_conversation}delete/", views.delete, name="delete"),
    path(_answer, answer_views.answer, name="answer"),
    path(f"{_answer}stop/", answer_views.stop, name="stop"),
    path(f"{_answer}retry/", answer_views.retry, name="retry"),
    path(f"{_answer}continue/", answer_views.go_on, name="continue"),
    path(f"{_answer}coverage/", answer_views.coverage, name="coverage"),
    path(f"{_answer}coverage.json", answer_views.coverage_json, name="coverage-json"),
    path(f"{_answer}cite/<int:ordinal>/<int:number>/", answer_views.cite, name="cite"),
    path(f"{_answer}export.<str:extension>", answer_views.export, name="export"),
    path(f"{_answer}copy/", answer_views.copy, name="copy"),
]
