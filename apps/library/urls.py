from django.urls import path

from apps.library import (
    document_views,
    git_views,
    page_views,
    picture_views,
    read_views,
    storage_views,
    tree_views,
    views,
)

app_name = "library"

_corpus = "w/<slug:workspace_slug>/corpora/<uuid:corpus_id>/"
_document = "w/<slug:workspace_slug>/documents/<uuid:document_id>/"

urlpatterns = [
    path(_corpus, views.corpus_workbench, name="corpus"),
    path(f"{_corpus}documents/", views.corpus_documents, name="documents"),
    path(f"{_corpus}git/", git_views.add_git, name="add-git"),
    path(f"{_corpus}rename/", views.rename_corpus, name="rename-corpus"),
    path(f"{_corpus}delete/", views.delete_corpus, name="delete-corpus"),
    path(f"{_corpus}entries/tick/", views.tick_all, name="tick-all"),
    path(f"{_corpus}entries/<uuid:entry_id>/tick/", views.tick, name="tick"),
    path(f"{_corpus}entries/<uuid:entry_id>/tree/", tree_views.tree, name="tree"),
    path(f"{_corpus}entries/<uuid:entry_id>/tree/tick/", tree_views.tick_path, name="tick-path"),
    path("w/<slug:workspace_slug>/storage/", storage_views.storage, name="storage"),
    path(
        "w/<slug:workspace_slug>/uploads/<uuid:upload_id>/discard/",
        storage_views.discard_upload,
        name="discard-upload",
    ),
    path(_document, page_views.document, name="document"),
    path(f"{_document}pages/<int:number>/", page_views.page, name="page"),
    path(f"{_document}pages/<int:number>/picture/", picture_views.picture, name="page-picture"),
    path(f"{_document}pages/<int:number>/file/", page_views.file_text, name="file-text"),
    path(
        f"{_document}pages/<int:number>/picture/again/",
        picture_views.try_picture_again,
        name="page-picture-again",
    ),
    path(f"{_document}pages/<int:number>/thumbnail/", picture_views.thumbnail, name="thumbnail"),
    path(f"{_document}figures/<slug:digest>/", picture_views.figure, name="figure"),
    path(f"{_document}original/", page_views.original, name="original"),
    path(f"{_document}about/", document_views.about, name="document-about"),
    path(f"{_document}what-is-read/", read_views.what_is_read, name="what-is-read"),
    path(f"{_document}what-is-read/preview/", read_views.preview, name="preview-reading"),
    path(f"{_document}what-is-read/restore/", read_views.restore, name="restore"),
    path(f"{_document}retry/", document_views.retry_document, name="retry"),
    path(f"{_document}password/", document_views.give_password, name="password"),
    path(f"{_document}read-again/", document_views.read_again, name="read-again"),
    path(f"{_document}read-again/cancel/", document_views.cancel_reading, name="cancel-reading"),
    path(f"{_document}fetch-again/", git_views.fetch_again, name="fetch-again"),
    path(f"{_document}rename/", document_views.rename_document, name="rename"),
    path(f"{_document}delete/", document_views.delete_document, name="delete"),
]
