import assert from "node:assert/strict";
import { test } from "node:test";

import { filesOf, idsOf, pretty, quoteLongNumbers } from "../../../cockpit/answer.js";

test("an id that is a bare number keeps its last digits", () => {
    assert.deepEqual(idsOf('{"data":{"taskId":1689768877770401665,"shareId": 42}}'),
                     { taskId: "1689768877770401665", shareId: "42" });
});

test("numbers inside strings stay as they are", () => {
    const text = '{"a":"x: 1689768877770401665, \\"","b":-12345678901234567,"c":1234567890123456.5}';

    assert.equal(quoteLongNumbers(text), text.replace("-12345678901234567", '"-12345678901234567"'));
});

test("the outermost id counts, and no JSON is told from no id", () => {
    assert.deepEqual(idsOf('{"x":{"taskId":"inner"},"taskId":"outer"}'), { taskId: "outer", shareId: "" });
    assert.deepEqual(idsOf('{"x":[1,null,"taskId"]}'), { taskId: "", shareId: "" });
    assert.equal(idsOf("<html>"), null);
});

test("depth is no trouble", () => {
    assert.equal(idsOf("[".repeat(3000) + '{"taskId":"deep"}' + "]".repeat(3000)).taskId, "deep");
});

test("files of an answer, in each of its shapes", () => {
    const file = (id, status) => ({ fileId: id, status, newFileId: "N" });
    const read = infos => filesOf(JSON.stringify({ code: 0, data: { taskInfos: infos } })).map(f => [f.id, f.status]);

    assert.deepEqual(read([file("F1", "1"), file("F2", 2), file("F3", "0"), file("F4", "9")]),
                     [["F1", "succeeded"], ["F2", "failed"], ["F3", "pending"], ["F4", "unknown"]]);
    assert.deepEqual(read(file("F1", 1)), [["F1", "succeeded"]]);
    assert.deepEqual(read(null), []);
    assert.deepEqual(read([null, "x"]), []);
    assert.deepEqual(filesOf(undefined), []);
    assert.deepEqual(filesOf("no json"), []);
});

test("what is no JSON is shown as it is", () => {
    assert.equal(pretty("<html>"), "<html>");
    assert.equal(pretty('{"a":1}'), '{\n  "a": 1\n}');
});
