"""What keeps a repository from being fetched, with cause and remedy. Nothing that a host wrote is repeated."""

from __future__ import annotations

from apps.library.ingestion.guards import IngestionError

# One place for cause and remedy; the codes are part of the API (README.md of the library).
SENTENCES: dict[str, str] = {
    "git_missing": "Repositories cannot be fetched: {reason} Ask the operator to install git {least} or newer.",
    "git_bad_address": "This is no address that can be fetched: {reason} Write it as https://host/path.",
    "git_bad_ref": "“{ref}” is no name of a branch, tag or commit. Check it for blanks and signs such as ~ ^ : ? * [ \\.",
    "git_host_not_allowed": "Repositories are not fetched from {host} here. Ask the operator to allow this host.",
    "git_unknown_host": "There is no host called {host}. Check the address.",
    "git_private_address": "{host} leads to an address that is not public ({kind}), so nothing was asked there. "
    "Bring an archive, or ask the operator to allow this host by name.",
    "git_unreachable": "{host} does not answer, or not by TLS with a valid certificate. Try again later, or bring an archive.",
    "git_not_found": "{host} shows no repository at this address without a token, or not with the one given. Check "
    "the address; if the repository is private, give a token that may read it.",
    "git_redirected": "{host} sends on to another address, which is not followed. Open the address in a browser, and "
    "bring the one it ends at.",
    "git_not_smart": "{host} does not speak git's own protocol at this address, but plain files alone. Bring an archive.",
    "git_empty": "The host names no branch at this address. Check the address; if the repository has no commit yet, push one, "
    "and fetch it again.",
    "git_unknown_ref": "The repository has neither a branch nor a tag called “{ref}”. Check the name, capitals included.",
    "git_short_commit": "The host names only commits at the tip of a branch or tag, and {found} of them begin{s} with "
    "“{ref}”. Give the commit with all of its 40 characters.",
    "git_unknown_commit": "The host does not give the commit “{ref}”. Check it; some hosts give only what a branch or "
    "tag leads to.",
    "git_not_a_commit": "“{ref}” names something that is no commit. Choose a branch, or a tag of a commit.",
    "git_too_large": "The repository has more than {limit}. Bring an archive of the part that you want to ask about.",
    "git_too_many_files": "The commit holds more than {limit} files. Bring an archive of the part that you want to ask about.",
    "git_too_slow": "Fetching took longer than {minutes} minutes and was stopped. Bring an archive.",
    "git_silent": "{host} sent nothing for {seconds} seconds, and fetching was stopped. Try again later, or bring an archive.",
    "git_too_heavy": "Unpacking the repository needs more memory than it may have. Bring an archive of the part that you want to "
    "ask about.",
    "git_damaged": "{host} sent a repository that is damaged or was cut off. Fetch again; if it stays, have it mended "
    "with `git fsck`, or bring an archive.",
    "disk_full": "This installation has no room left on its disk, and nothing of the repository was kept. Tell the operator.",
    "git_unsafe": "The repository holds an object that git refuses as broken or unsafe ({kind}). Have it mended with "
    "`git fsck`, or bring an archive.",
    "git_failed": "git could not fetch from {host} and gave no cause that is known here. Try again later, or bring an archive.",
}


class FetchFailed(IngestionError):
    """A repository that is not fetched: code (snake_case, stable) and a sentence with cause and remedy."""

    def __init__(self, code: str, **words: object) -> None:
        self.code = code
        self.sentence = SENTENCES[code].format(**words)
        Exception.__init__(self, self.sentence)
