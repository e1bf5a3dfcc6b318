"""How much room originals take, and how much there is: of a workspace, and of each of its members.

Counted is what somebody brought, once: a further reading of the same bytes costs nothing, and neither do pictures
made from it. A file on its way in counts with the size it was announced with, so that many at once cannot pass a
limit that each of them keeps.
"""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, QuerySet, Sum

from apps.accounts.models import User
from apps.common.http import Refused
from apps.library.models import Document, Revision, Upload
from apps.workspaces.models import Workspace

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of originals kept, of those on their way, and of both allowed together."""

    used_bytes: int
    arriving_bytes: int
    quota_bytes: int

    @property
    def left_bytes(self) -> int:
        return max(0, self.quota_bytes - self.used_bytes - self.arriving_bytes)

    @property
    def used_percent(self) -> float:
        return _percent(self.used_bytes, self.quota_bytes)

    @property
    def taken_percent(self) -> float:
        """Used and on its way."""
        return _percent(self.used_bytes + self.arriving_bytes, self.quota_bytes)

    @property
    def is_full(self) -> bool:
        return self.left_bytes == 0


@dataclass(frozen=True, slots=True)
class MemberRoom:
    """What one person brought to a workspace; user_id is None for people whose account is gone."""

    user_id: uuid.UUID | None
    name: str
    documents: int
    room: Room


@dataclass(frozen=True, slots=True)
class LargeDocument:
    document: Document
    size_bytes: int


def stored_bytes(workspace: Workspace) -> int:
    """Bytes of all originals that are kept for a workspace."""
    return _sum(_originals(workspace.pk))


def workspace_room(workspace: Workspace, *, besides: Upload | None = None) -> Room:
    """besides: an upload that is not counted, because it is the one that asks. Two queries."""
    arriving = _arriving(workspace.pk, besides)
    return Room(
        stored_bytes(workspace),
        _sum(arriving),
        settings.WORKSPACE_QUOTA_BYTES,
    )


def member_room(workspace: Workspace, user: User | None, *, besides: Upload | None = None) -> Room:
    """Of one person in a workspace; documents that others brought are theirs. Two queries."""
    brought = _originals(workspace.pk).filter(document__added_by=user)
    arriving = _arriving(workspace.pk, besides).filter(owner=user)
    return Room(
        _sum(brought),
        _sum(arriving),
        settings.MEMBER_QUOTA_BYTES,
    )


def member_rooms(workspace: Workspace) -> list[MemberRoom]:
    """Everybody who brought something or is bringing it, the largest first. Three queries."""
    brought = {
        row["document__added_by"]: (row["bytes"], row["documents"])
        for row in _originals(workspace.pk)
        .values("document__added_by")
        .annotate(bytes=Sum("size_bytes"), documents=Count("document", distinct=True))
        .order_by()
    }
    arriving = dict(
        _arriving(workspace.pk, None)
        .values_list("owner")
        .annotate(bytes=Sum("size_bytes"))
        .order_by()
        .values_list("owner", "bytes")
    )
    people = {one.pk: str(one) for one in User.objects.filter(pk__in=[*brought, *arriving])}
    rooms = [
        MemberRoom(
            user_id,
            people.get(user_id, "Somebody who left this installation"),
            brought.get(user_id, (0, 0))[1],
            Room(brought.get(user_id, (0, 0))[0], arriving.get(user_id, 0), settings.MEMBER_QUOTA_BYTES),
        )
        for user_id in {*brought, *arriving}
    ]
    return sorted(rooms, key=lambda one: (-one.room.used_bytes - one.room.arriving_bytes, one.name))


def largest_documents(workspace: Workspace, limit: int = 10) -> list[LargeDocument]:
    """The documents whose originals take most room. One query."""
    originals = _originals(workspace.pk).select_related("document__added_by").order_by("-size_bytes", "pk")
    return [LargeDocument(one.document, one.size_bytes) for one in originals[:limit]]


def check_room(
    workspace: Workspace, actor: User | None, more_bytes: int, *, arriving: Upload | None = None
) -> None:
    """Refuse what would pass the workspace's or the member's quota. Raises Refused (over_quota).

    arriving: the upload these bytes belong to, which must not stand in its own way.
    """
    room = workspace_room(workspace, besides=arriving)
    if more_bytes > room.left_bytes:
        raise _over_quota(
            room,
            more_bytes,
            f"This workspace holds {_mib(room.used_bytes)} MiB of its {_mib(room.quota_bytes)} MiB{_on_its_way(room)}. "
            "Delete documents, or ask the operator for more room.",
        )
    room = member_room(workspace, actor, besides=arriving)
    if more_bytes > room.left_bytes:
        raise _over_quota(
            room,
            more_bytes,
            f"You brought {_mib(room.used_bytes)} MiB of your {_mib(room.quota_bytes)} MiB to this workspace{_on_its_way(room)}. "
            "Delete documents of yours, or ask the operator for more room.",
        )


def free_bytes() -> int:
    """Room on the volume where uploads arrive."""
    return shutil.disk_usage(settings.FILE_UPLOAD_TEMP_DIR).free


def _originals(workspace_id: uuid.UUID) -> QuerySet[Revision]:
    rows = Revision.objects.filter(workspace=workspace_id, document__deleted_at=None, base=None)
    # A repository read again with other choices shares the bytes of the reading before.
    same = Revision.objects.filter(document=OuterRef("document"), storage_name=OuterRef("storage_name"))
    return rows.exclude(Exists(same.filter(base=None, created_at__lt=OuterRef("created_at"))))


def _arriving(workspace_id: uuid.UUID, besides: Upload | None) -> QuerySet[Upload]:
    uploads = Upload.objects.filter(workspace=workspace_id, document=None)
    return uploads.exclude(pk=besides.pk) if besides is not None else uploads


def _sum(rows: QuerySet[Revision] | QuerySet[Upload]) -> int:
    return rows.aggregate(total=Sum("size_bytes"))["total"] or 0


def _percent(part: int, whole: int) -> float:
    return round(min(100.0, 100 * part / whole), 2) if whole else 100.0


def _mib(size_bytes: int) -> str:
    return f"{size_bytes // MIB:,}"


def _on_its_way(room: Room) -> str:
    return f", and {_mib(room.arriving_bytes)} MiB are on their way" if room.arriving_bytes else ""


def _over_quota(room: Room, more_bytes: int, sentence: str) -> Refused:
    details = {
        "used_bytes": room.used_bytes,
        "arriving_bytes": room.arriving_bytes,
        "quota_bytes": room.quota_bytes,
        "more_bytes": more_bytes,
    }
    return Refused("over_quota", sentence, status=413, details=details)
