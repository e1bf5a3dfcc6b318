"""Figures of a document: rows and files, from the first reading to deletion."""

from __future__ import annotations

import io

import pikepdf
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from apps.library import figure_search, figures, reading, storage
from apps.library.figures import figure_bytes, figure_rows
from apps.library.ingestion.figures import FigureReader
from apps.library.models import Document, Page, PageImage, Revision
from apps.library.services import delete_document
from apps.llm.tokens import image_tokens
from tests.factories import make_corpus, make_document, make_next_revision, make_user, make_workspace
from tests.library.house import House, house_with_lease  # noqa: F401 (fixture)
from tests.library.ingestion import pictures_in_pdfs as made

pytestmark = pytest.mark.django_db


def brought(content: bytes, **fields: object) -> Revision:
    """A document of these bytes, uploaded and not read yet."""
    document = make_document(
        make_corpus(make_workspace()), "figures.pdf", [], status=Revision.Status.UPLOADED, **fields
    )
    revision = document.current_revision
    assert revision is not None
    revision.storage_name = default_storage.save(
        storage.original_name(revision.workspace_id, revision.pk), ContentFile(content)
    )
    revision.save(update_fields=["storage_name"])
    return revision


def read_text(content: bytes) -> Revision:
    """Ready, with its figures still to be looked for."""
    revision = brought(content)
    assert reading.read_revision(str(revision.pk))
    revision.refresh_from_db()
    assert revision.status == Revision.Status.READY, revision.error_sentence
    return revision


def read(content: bytes) -> Revision:
    """Ready, and looked through."""
    revision = read_text(content)
    assert figure_search.keep_figures(str(revision.pk)) == (revision.figures_at is None)
    revision.refresh_from_db()
    assert (revision.status, revision.claim, revision.error_code) == (Revision.Status.READY, None, "")
    assert revision.figures_at is not None
    return revision


def stored(revision: Revision) -> list[str]:
    return sorted(default_storage.listdir(f"{storage.home(revision)}/figures")[1])


def picture_pages(*ys: float) -> bytes:
    """A page for each y with the same picture there."""
    return made.pages_of(*[[made.at(100, y, 240, 160)] for y in ys], P=made.jpeg_rgb)


def test_a_figure_on_two_pages_is_one_file_and_two_places() -> None:
    revision = read(picture_pages(100, 400))
    rows = list(figure_rows(revision))
    assert [row.page.number for row in rows] == [1, 2]
    assert len({row.digest for row in rows}) == 1
    assert stored(revision) == [f"{rows[0].digest}.webp"]
    assert figure_bytes(rows[0])[8:12] == b"WEBP"
    assert rows[0].tokens == image_tokens(made.WIDTH, made.HEIGHT)
    assert rows[0].box[1] > rows[1].box[1]
    assert {row.workspace_id for row in rows} == {revision.workspace_id}
    assert revision.facts["figures"] == {
        "pictures": 2, "kept": 1, "places": 2, "dropped": {}, "failed": 0, "pages_not_searched": [],
    }  # fmt: skip


def test_the_same_pixels_in_another_encoding_are_the_same_figure() -> None:
    commands = [made.at(60, 200, 240, 160), made.at(60, 450, 240, 160, "Q")]
    revision = read(made.pages_of(commands, P=made.raw_rgb, Q=made.indexed))
    assert figure_rows(revision).count() == 2
    assert len(stored(revision)) == 1


def test_a_letterhead_on_most_pages_is_dropped_with_its_file() -> None:
    drawn = [[made.at(60, 700, 100, 60)] for _ in range(5)]
    drawn[2].append(made.at(100, 300, 240, 160, "Q"))
    revision = read(made.pages_of(*drawn, P=made.jpeg_rgb, Q=made.indexed))
    [row] = figure_rows(revision)
    assert row.page.number == 3
    assert stored(revision) == [row.storage_name.rsplit("/", 1)[-1]]
    assert revision.facts["figures"]["dropped"] == {"repeated": 5}


def test_a_scan_is_a_rendered_page_and_no_figure() -> None:
    pdf = pikepdf.new()
    made.add_page(pdf, made.at(0, 0, 595, 842), {"P": made.jpeg_rgb(pdf)})
    made.add_page(pdf, made.prose())
    revision = read(made.saved(pdf))
    [row] = PageImage.objects.filter(page__revision=revision).select_related("page")
    assert (row.kind, row.page.number, row.page.state) == ("rendered", 1, Page.State.NO_TEXT)
    assert (row.width, row.height) == (909, 1286)
    assert row.tokens == image_tokens(909, 1286)
    assert row.storage_name == storage.picture_name(revision, 1, 110)
    assert revision.facts["figures"]["dropped"] == {"whole_page": 1}


def test_a_document_without_pictures_pays_nothing() -> None:
    revision = read(made.pages_of([""], [""], P=made.jpeg_rgb))
    assert "figures" not in revision.facts
    assert not PageImage.objects.filter(page__revision=revision).exists()


def test_past_the_limit_figures_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_search, "MOST_FIGURES", 2)
    several = [made.raw_rgb, made.packed_gray, made.separation, made.ccitt]
    commands = [
        made.at(60 + 260 * (index % 2), 150 + 200 * (index // 2), 200, 140, f"P{index}") for index in range(4)
    ]
    revision = read(made.pages_of(commands, **{f"P{index}": one for index, one in enumerate(several)}))
    assert revision.facts["figures"]["kept"] == len(stored(revision)) == 2
    assert revision.facts["figures"]["dropped"] == {"over_limit": 2}


def test_pages_stay_whatever_their_pictures_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def absurd(pdf: pikepdf.Pdf) -> pikepdf.Object:
        picture = made.drawing()
        return made._stream(
            pdf, picture.tobytes(), picture, Width=200_000, Height=200_000, ColorSpace=pikepdf.Name.DeviceRGB
        )

    revision = read(made.pages_of([made.at(100, 300, 240, 160)], P=absurd))
    assert revision.pages_not_read == 0
    assert revision.facts["figures"]["failed"] == 1


def test_a_full_disk_costs_figures_and_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    save = default_storage.save

    def full(name: str, content: object) -> str:
        if "/figures/" in name:
            raise OSError(28, "No space left on device")
        return save(name, content)

    monkeypatch.setattr(default_storage, "save", full)
    revision = read(picture_pages(100, 400))
    assert (revision.pages_not_read, revision.page_count) == (0, 2)
    assert revision.facts["figures"]["failed"] == 2


def test_a_recognition_shows_the_figures_of_its_base_also_those_found_later() -> None:
    revision = read_text(picture_pages(100, 400))
    following = make_next_revision(revision.document, status=Revision.Status.READY)
    assert figure_rows(following).count() == figures.figures_of([following.pk]).count() == 0
    figure_search.keep_figures(str(revision.pk))
    assert [row.page.number for row in figure_rows(following)] == [1, 2]
    assert figures.figures_of([following.pk]).count() == 2
    assert not figure_search.keep_figures(str(following.pk))


def test_deleting_removes_figures_too(django_capture_on_commit_callbacks: object) -> None:
    revision = read(picture_pages(100, 400))
    document = Document.objects.get(pk=revision.document_id)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        delete_document(make_user(), document)
    assert not PageImage.objects.filter(page__revision=revision).exists()
    assert not default_storage.exists(f"{revision.workspace_id}/{revision.pk}")


def test_deleting_while_figures_are_kept_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
) -> None:
    revision = read_text(picture_pages(100, 400))
    search = FigureReader.read

    def then_delete(self: FigureReader, numbers: object) -> object:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            delete_document(make_user(), Document.objects.get(pk=revision.document_id))
        yield from search(self, numbers)  # type: ignore[arg-type]

    monkeypatch.setattr(FigureReader, "read", then_delete)
    assert figure_search.keep_figures(str(revision.pk))
    assert not default_storage.exists(f"{revision.workspace_id}/{revision.pk}")
    assert not PageImage.objects.filter(page__revision=revision).exists()


def test_figures_are_shown_behind_the_door(house: House) -> None:
    revision = read(picture_pages(100, 400))
    Document.objects.filter(pk=revision.document_id).update(workspace=house.workspace)
    [row, _] = figure_rows(revision)
    url = reverse("library:figure", args=[house.workspace.slug, revision.document_id, row.digest])

    seen = house.client("vera").get(url, {"revision": str(revision.pk)})
    assert (seen["Content-Type"], seen.content) == ("image/webp", figure_bytes(row))
    assert "immutable" in seen["Cache-Control"]
    again = house.client("vera").get(url, headers={"If-None-Match": seen["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "no-store" in again["Cache-Control"]
    assert house.client("charlie").get(url).status_code == 404
    default_storage.delete(row.storage_name)
    assert house.client("vera").get(url).status_code == 404


def test_the_api_lists_figures_page_by_page(house: House) -> None:
    revision = read(picture_pages(100, 300, 500))
    Document.objects.filter(pk=revision.document_id).update(workspace=house.workspace)
    client = house.client("vera")
    url = f"/api/v1/documents/{revision.document_id}/figures"
    first = client.get(url, {"limit": 2}).json()
    rest = client.get(url, {"limit": 2, "cursor": first["next"]}).json()
    items = first["items"] + rest["items"]
    assert [one["page"] for one in items] == [1, 2, 3]
    assert items[0]["box"][0] == pytest.approx(100 / 595, abs=1e-4)
    picture = client.get(f"{url}/{items[0]['digest']}")
    assert picture["Content-Type"] == "image/webp"
    assert io.BytesIO(picture.content).read(4) == b"RIFF"
    assert client.get(f"{url}/{'0' * 64}").status_code == 404
