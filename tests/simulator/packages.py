"""The packages behind download links: real zip files, whole or a range of them."""

import hashlib
import io
import random
import re
import zipfile

from answers import Answer


def build(task_id, files, file_size):
    """The same task gives the same bytes each time, and they do not compress."""
    rng = random.Random(task_id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for number in range(1, files + 1):
            archive.writestr(zipfile.ZipInfo(f"file-{number:04}.bin"), rng.randbytes(file_size))
    return buffer.getvalue()


def answer(package, wanted, if_range=None):
    """wanted and if_range are the request's Range and If-Range, or None.

    What is no single range of bytes is ignored, as servers do.
    """
    etag = f'"{hashlib.sha256(package).hexdigest()[:32]}"'
    headers = {"Content-Type": "application/zip", "Accept-Ranges": "bytes", "ETag": etag}
    size = len(package)
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted or "")
    if not match or match.group() == "bytes=-" or if_range not in (None, etag):
        return Answer(200, package, headers)

    first, last = match.groups()
    if first:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
    else:
        begin, end = max(size - int(last), 0), size - 1
    if first and last and int(last) < int(first):
        return Answer(200, package, headers)
    if begin >= size:
        headers["Content-Range"] = f"bytes */{size}"
        return Answer(416, b"", headers)
    headers["Content-Range"] = f"bytes {begin}-{end}/{size}"
    return Answer(206, package[begin : end + 1], headers)
