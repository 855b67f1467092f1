#include "koowatchctl/language.h"

#include <langinfo.h>
#include <locale.h>

#include "common/util.h"

#define DOMAIN "koowatch"

void language_begin(bool english) {
        const char *language;

        /* What is shown is UTF-8, and what depends on where one runs would be another content. */
        if (!setlocale(LC_CTYPE, "") || !streq(nl_langinfo(CODESET), "UTF-8")) {
                (void) setlocale(LC_CTYPE, "C.UTF-8");
                return;
        }
        language = english ? NULL : setlocale(LC_MESSAGES, "");
        if (!language)
                return;
        if (str_after(language, "C.")) { /* in which LANGUAGE would count, in glibc 2.36 */
                language_stop();
                return;
        }
        (void) bindtextdomain(DOMAIN, KOOWATCH_LOCALEDIR);
        (void) textdomain(DOMAIN);
}

void language_stop(void) {
        (void) setlocale(LC_MESSAGES, "C");
}
