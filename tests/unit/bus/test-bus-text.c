/* Strings that D-Bus takes: as they are, or mended. */
#include "koowatchd/bus/bus-text.h"
#include "unit/support.h"

static void check(const char *text, size_t length, const char *expected) {
        CLEANUP(freep) char *copy = NULL;
        const char *taken = bus_text(text, length, &copy);

        assert_non_null(taken);
        assert_string_equal(taken, expected);
        assert_ptr_equal(taken, copy ? copy : text);
}

#define CHECK(text, expected) check(text, sizeof(text) - 1, expected)

static void test_most_is_left_alone(void **state) {
        static const char *const texts[] = {
                "",
                "photos",
                "\x01\x7f\t\n",
                "\xc2\x85 照片 \xf0\x9f\x93\xb7",
                "\xef\xbf\xbd\xef\xbf\xbc",         /* U+FFFD, U+FFFC */
                "\xef\xb7\x8f\xef\xb7\xb0",         /* U+FDCF, U+FDF0 */
                "\xf0\x9f\xbf\xbd\xf4\x8f\xbf\xbd", /* U+1FFFD, U+10FFFD */
                "\xf0\x90\xbf\xbf\xf0\x9f\xbe\xbf", /* U+10FFF, U+1FFBF */
        };

        (void) state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                char *copy = NULL;

                assert_ptr_equal(bus_text(texts[i], strlen(texts[i]), &copy), texts[i]);
                assert_null(copy);
        }
}

static void test_noncharacters_are_replaced(void **state) {
        (void) state;
        CHECK("a\xef\xbf\xbe"
              "b",
              "a\xef\xbf\xbd"
              "b");                                                    /* U+FFFE */
        CHECK("\xef\xbf\xbf", "\xef\xbf\xbd");                         /* U+FFFF */
        CHECK("\xef\xb7\x90\xef\xb7\xaf", "\xef\xbf\xbd\xef\xbf\xbd"); /* U+FDD0, U+FDEF */
        CHECK("\xf0\x9f\xbf\xbe!", "\xef\xbf\xbd!");                   /* U+1FFFE */
        CHECK("\xf4\x8f\xbf\xbf", "\xef\xbf\xbd");                     /* U+10FFFF */
}

static void test_what_is_no_text_becomes_question_marks(void **state) {
        (void) state;
        CHECK("a\0b", "a?b");
        CHECK("\xff"
              "a\x80",
              "?a?");
        CHECK("\xe7\x85", "??");           /* cut short */
        CHECK("\xed\xa0\x80", "???");      /* a surrogate */
        CHECK("\xf4\x90\x80\x80", "????"); /* beyond U+10FFFF */
        CHECK("照\xef\xbf\xbf片\xc3", "照\xef\xbf\xbd片?");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_most_is_left_alone),
                cmocka_unit_test(test_noncharacters_are_replaced),
                cmocka_unit_test(test_what_is_no_text_becomes_question_marks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
