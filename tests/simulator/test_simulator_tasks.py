"""The course of tasks, the shapes in which they show, and their packages."""

import http.client
import io
import json
import zipfile

import pytest

pytest_plugins = ["simulator_fixtures"]


# The life of a task


def test_course_by_polls(sim, client):
    task = sim.add_task(polls=5)
    jobs = [client.job(task) for _ in range(6)]
    assert [job["taskStatus"] for job in jobs] == [0, 1, 1, 1, 2, 2]
    assert [job["progress"] for job in jobs] == [0, 0, 33, 66, 100, 100]
    assert "taskResultCode" not in jobs[3]
    assert jobs[4]["taskResultCode"] == 1


def test_completed_at_the_first_poll_by_default(sim, client):
    job = client.job(sim.add_task())
    assert job["taskStatus"] == 2
    assert job["createTime"] == job["startTime"]
    assert len(job["endTime"]) == 14


def test_course_by_time(sim, client, clock):
    task = sim.add_task(duration=100, pending=20)
    seen = []
    for moment in (0, 19, 20, 60, 99, 100):
        clock.value = 1000.0 + moment
        job = client.job(task)
        seen.append((job["taskStatus"], job["progress"]))
    assert seen == [(0, 0), (0, 0), (1, 0), (1, 50), (1, 98), (2, 100)]
    assert task.ended_at == 1100.0


def test_progress_in_steps_and_silent(sim, client, clock):
    stepped = sim.add_task(duration=100, pending=0, steps=4)
    silent = sim.add_task(duration=100, pending=0, steps=0)
    clock.value += 60
    assert client.job(stepped)["progress"] == 50
    assert client.job(silent)["progress"] == 0


def test_cancelled_course(sim, client):
    task = sim.add_task(polls=2, cancel=True)
    assert client.job(task)["taskStatus"] == 1
    job = client.job(task)
    assert job["taskStatus"] == 3
    assert "taskResultCode" not in job
    assert "downloadUrl" not in job


def test_held_until_told(sim, client, clock):
    task = sim.add_task(duration=100, pending=0)
    clock.value += 50
    task.hold()
    clock.value += 500
    assert client.job(task)["progress"] == 50
    task.complete(result=3)
    job = client.job(task)
    assert (job["taskStatus"], job["taskResultCode"], job["progress"]) == (2, 3, 100)


def test_added_on_hold_and_cancelled(sim, client):
    task = sim.add_task(hold=True)
    assert client.job(task)["taskStatus"] == 1
    task.cancel()
    assert client.job(task)["taskStatus"] == 3


def test_set_shows_anything_until_taken_back(sim, client):
    task = sim.add_task(hold=True)
    task.set(status=4, progress=-7, result="x", download_url="ftp://x")
    job = client.job(task)
    assert (job["taskStatus"], job["progress"]) == (4, -7)
    assert (job["taskResultCode"], job["downloadUrl"]) == ("x", "ftp://x")
    task.set(status=None, progress=None)
    assert client.job(task)["taskStatus"] == 1
    with pytest.raises(TypeError):
        task.set(colour="red")


def test_result_code_can_be_absent(sim, client):
    assert "taskResultCode" not in client.job(sim.add_task(result=0))


def test_task_appears_later(sim, client, clock):
    task = sim.add_task(appears_after=5)
    response = client.poll(task)
    assert (response.status, json.loads(response.content)["code"]) == (400, 13000309)
    clock.value += 5
    assert client.poll(task).status == 200


def test_same_id_twice_is_an_error(sim):
    sim.add_task("1")
    with pytest.raises(ValueError):
        sim.add_task("1")


# Dialects


def test_dialect_2025(sim, client):
    task = sim.add_task(polls=3, task_type=2, result=2, files=2)
    waiting, running, ended = (json.loads(client.poll(task).content) for _ in range(3))
    assert waiting["taskInfos"] == []
    assert running["taskInfos"] is None
    assert ended["code"] == 0
    assert ended["jobInfo"]["taskId"] == task.task_id
    assert [entry["status"] for entry in ended["taskInfos"]] == ["1", "2"]
    assert ended["taskInfos"][0]["newFileId"]
    assert "startTime" not in waiting["jobInfo"]


def test_dialect_2024(sim, client):
    document = json.loads(client.poll(sim.add_task(dialect="2024")).content)
    assert document["code"] == "0"
    assert document["taskInfo"]["taskStatus"] == 2
    assert document["taskInfo"]["resultCode"] == 0
    assert "jobInfo" not in document and "taskInfos" not in document


def test_dialect_object(sim, client):
    document = json.loads(client.poll(sim.add_task(dialect="object", files=3)).content)
    assert document["taskInfos"]["status"] == "1"


def test_dialect_batch(sim, client):
    document = json.loads(client.poll(sim.add_task(dialect="batch")).content)
    job = document["data"]["jobInfo"]
    assert document["code"] == "0"
    assert job["status"] == 2 and "taskStatus" not in job
    assert "beginTime" in job and "startTime" not in job


def test_dialect_stringy(sim, client):
    document = json.loads(client.poll(sim.add_task(dialect="stringy")).content)
    assert document["code"] == "0"
    assert document["jobInfo"]["taskStatus"] == "2"
    assert document["jobInfo"]["progress"] == "100"


def test_modifiers(sim, client):
    task = sim.add_task("1689768877770401664", dialect="object+numeric+extra+shuffled+spaced+utf8")
    response = client.poll(task)
    document = json.loads(response.content)
    assert response.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert response.content.startswith(b"\r\n")
    assert "成功".encode() in response.content
    assert document["jobInfo"]["taskId"] == 1689768877770401664
    assert document["taskInfos"]["status"] == 1
    assert "xFuture" in document and "xFuture" in document["jobInfo"]


def test_quoted_but_for_what_is_numeric(sim, client):
    task = sim.add_task("1689768877770401664", dialect="object+stringy+numeric")
    document = json.loads(client.poll(task).content)
    job = document["jobInfo"]
    assert (job["taskId"], job["taskType"], job["taskStatus"]) == (1689768877770401664, "1", "2")
    assert document["taskInfos"]["status"] == 1


@pytest.mark.parametrize(("modifier", "value"), [("nulls", None), ("empties", "")])
def test_fields_without_a_value(sim, client, modifier, value):
    task = sim.add_task(polls=3, dialect=f"2025+{modifier}")
    job = client.job(task)
    assert job["endTime"] == job["downloadUrl"] == job["taskResultCode"] == value


def test_unknown_dialect_is_an_error(sim):
    for dialect in ("2023", "2025+loud"):
        with pytest.raises(ValueError):
            sim.add_task(dialect=dialect)


# Downloads


def test_download_is_a_zip(sim, client):
    task = sim.add_task(files=3, file_size=500)
    response = client.download(client.job(task)["downloadUrl"])
    assert (response.status, response.content) == (200, task.package)
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.testzip() is None
    assert [entry.file_size for entry in archive.infolist()] == [500] * 3


def test_link_is_absent_late_or_of_the_wrong_type(sim, client):
    late = sim.add_task(download="late", late_polls=2)
    links = ["downloadUrl" in client.job(late) for _ in range(4)]
    assert links == [False, False, True, True]
    assert "downloadUrl" not in client.job(sim.add_task(download=False))
    assert "downloadUrl" not in client.job(sim.add_task(task_type=2))


def test_link_needs_its_signature_and_an_ended_task(sim, client):
    task = sim.add_task()
    assert client.download(task.download_url).status == 404
    client.poll(task)
    assert client.download(task.download_url).status == 200
    assert client.download(task.download_url + "x").status == 403
    assert client.download(task.download_url.replace(task.task_id, "5")).status == 404


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=100-199", 206, slice(100, 200)),
        ("bytes=100-99999999", 206, slice(100, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("bytes=5-2", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
def test_range(sim, client, wanted, status, part):
    task = sim.add_task()
    client.poll(task)
    response = client.download(task.download_url, {"Range": wanted})
    assert (response.status, response.content) == (status, task.package[part])
    if status == 206:
        size = len(task.package)
        begin, end, _ = part.indices(size)
        assert response.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{size}"


def test_resume_after_cut_off(sim, client):
    task = sim.add_task(file_size=100_000)
    client.poll(task)
    sim.faults.add("cut-off", count=1, after=30_000)
    with pytest.raises(http.client.IncompleteRead) as cut:
        client.download(task.download_url)
    assert len(cut.value.partial) == 30_000
    client.connection.close()

    etag = client.download(task.download_url).headers["ETag"]
    rest = client.download(task.download_url, {"Range": "bytes=30000-", "If-Range": etag})
    assert cut.value.partial + rest.content == task.package
    whole = client.download(task.download_url, {"Range": "bytes=30000-", "If-Range": '"other"'})
    assert (whole.status, whole.content) == (200, task.package)


def test_slow_download_arrives(sim, client):
    task = sim.add_task()
    client.poll(task)
    sim.faults.add("slow", rate=100_000)
    assert client.download(task.download_url).content == task.package


def test_poll_faults_spare_downloads(sim, client):
    task = sim.add_task()
    client.poll(task)
    sim.faults.add(500)
    assert client.download(task.download_url).status == 200
    sim.faults.add(403, where="download", shape="empty")
    assert client.download(task.download_url).status == 403
