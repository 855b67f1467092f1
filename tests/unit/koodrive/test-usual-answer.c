/*
 * Which answers are read the short way. That it leads where the long one leads is checked for
 * every answer of the other tests (answers.h), and by the fuzzer.
 */
#include "koowatchd/koodrive/usual-answer.h"
#include "unit/support.h"

#define ID "1689768877770401664"
#define HEAD "{\"code\":0,\"jobInfo\":{\"taskId\":\"" ID "\","

static bool is_usual(const char *body, struct koodrive_usual *ret) {
        CLEANUP(freep) char *exact = malloc(strlen(body));

        assert_non_null(exact);
        memcpy(exact, body, strlen(body));
        return koodrive_usual_read(exact, strlen(body), ID, ret);
}

static void test_usual(void **state) {
        static const struct {
                const char *body;
                int is_running, progress, type;
        } cases[] = {
                {"{\"jobInfo\":{\"userId\":\"7\",\"taskId\":\"" ID "\",\"taskType\":1,"
                 "\"taskStatus\":0,\"createTime\":\"20250520022907\",\"progress\":0},"
                 "\"taskInfos\":[],\"code\":0,\"msg\":\"Success.\"}",
                 0, 0, 1},
                {HEAD "\"taskStatus\":1,\"progress\":70,\"taskType\":999,\"downloadUrl\":null,"
                      "\"taskResultCode\":null,\"endTime\":null},\"taskInfos\":null}",
                 1, 70, 999},
                {" {\n\"jobInfo\" : { \"taskStatus\" : 1 , \"progress\" : 100 } } \n", 1, 100, 0},
                {HEAD "\"taskStatus\":1}}", 1, -1, 0},
                /* Names count where they stand, and texts may have any character. */
                {"{\"taskInfos\":[{\"taskStatus\":2,\"error\":1},{\"taskId\":\"3\"}],\"x\":{"
                 "\"taskStatus\":3,\"error\":{}},\"jobInfo\":{\"taskStatus\":0,\"error\":1,"
                 "\"name\":\"\\\"\\u7167\xe7\x85\xa7\",\"files\":[{\"progress\":\"?\"}]}}",
                 0, -1, 0},
        };
        struct koodrive_usual u;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_true(is_usual(cases[i].body, &u));
                assert_int_equal(u.is_running, cases[i].is_running);
                assert_int_equal(u.progress, cases[i].progress);
                assert_int_equal(u.type, cases[i].type);
        }
}

static void test_unusual(void **state) {
        static const char *const bodies[] = {
                /* an end, and what is no status */
                HEAD "\"taskStatus\":2}}",
                HEAD "\"taskStatus\":3}}",
                HEAD "\"taskStatus\":10}}",
                HEAD "\"taskStatus\":-1}}",
                HEAD "\"taskStatus\":\"1\"}}",
                HEAD "\"taskStatus\":1.0}}",
                HEAD "\"taskStatus\":01}}",
                HEAD "\"taskStatus\":{}}}",
                HEAD "\"taskStatus\":null}}",
                HEAD "\"status\":1}}",
                HEAD "\"taskstatus\":1}}",
                /* the rest of a task */
                HEAD "\"taskStatus\":1,\"progress\":101}}",
                HEAD "\"taskStatus\":1,\"progress\":1e1}}",
                HEAD "\"taskStatus\":1,\"progress\":\"5%\"}}",
                HEAD "\"taskStatus\":1,\"progress\":1000}}",
                HEAD "\"taskStatus\":1,\"taskType\":0}}",
                HEAD "\"taskStatus\":1,\"taskType\":1000}}",
                HEAD "\"taskStatus\":1,\"downloadUrl\":\"\"}}",
                HEAD "\"taskStatus\":1,\"taskResultCode\":1}}",
                "{\"jobInfo\":{\"taskId\":\"16897688777704016640\",\"taskStatus\":1}}",
                "{\"jobInfo\":{\"taskId\":\"2689768877770401664\",\"taskStatus\":1}}",
                "{\"jobInfo\":{\"taskId\":" ID ",\"taskStatus\":1}}",
                "{\"jobInfo\":{\"taskId\":null,\"taskStatus\":1}}",
                /* a fault */
                "{\"code\":1,\"jobInfo\":{\"taskStatus\":1}}",
                "{\"code\":\"0\",\"jobInfo\":{\"taskStatus\":1}}",
                "{\"code\":null,\"jobInfo\":{\"taskStatus\":1}}",
                "{\"jobInfo\":{\"taskStatus\":1},\"error_code\":\"APIG.0301\"}",
                "{\"jobInfo\":{\"taskStatus\":1},\"errorCode\":null}",
                "{\"jobInfo\":{\"taskStatus\":1},\"error\":{}}",
                /* twice */
                HEAD "\"taskStatus\":1,\"taskStatus\":1}}",
                HEAD "\"taskStatus\":1,\"progress\":1,\"progress\":1}}",
                HEAD "\"taskStatus\":1,\"taskType\":1,\"taskType\":1}}",
                HEAD "\"taskStatus\":1,\"taskId\":\"" ID "\"}}",
                HEAD "\"taskStatus\":1,\"downloadUrl\":null,\"downloadUrl\":null}}",
                HEAD "\"taskStatus\":1,\"taskResultCode\":null,\"taskResultCode\":null}}",
                "{\"code\":0,\"code\":0,\"jobInfo\":{\"taskStatus\":1}}",
                "{\"jobInfo\":{\"taskStatus\":1},\"jobInfo\":{}}",
                /* elsewhere, or under a name that is escaped */
                "{\"taskStatus\":1}",
                "{\"taskInfo\":{\"taskStatus\":1}}",
                "{\"data\":{\"jobInfo\":{\"taskStatus\":1}}}",
                "{\"jobInfo\":[{\"taskStatus\":1}]}",
                "[{\"taskStatus\":1}]",
                "{\"jobInfo\":null,\"taskStatus\":1}",
                "{\"jobInfo\":{\"x\":{\"taskStatus\":1}}}",
                HEAD "\"taskStatus\":1,\"task\\u0053tatus\":2}}",
                "{\"jobInfo\":{\"taskStatus\":1},\"\\u0065rror\":1}",
                /* no JSON, or JSON that has to be repaired */
                "",
                "{",
                "{}",
                HEAD "\"taskStatus\":1}",
                HEAD "\"taskStatus\":1,}}",
                HEAD "\"taskStatus\":1,\"x\":NaN}}",
                HEAD "\"taskStatus\":1,\"x\":\"\t\"}}",
                HEAD "\"taskStatus\":1,\"x\":\"\xff\"}}",
                "\xef\xbb\xbf{\"jobInfo\":{\"taskStatus\":1}}",
        };
        struct koodrive_usual u;

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                if (is_usual(bodies[i], &u))
                        fail_msg("%s", bodies[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_usual),
                cmocka_unit_test(test_unusual),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
