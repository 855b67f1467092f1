#include "koowatchd/koodrive/body.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

#include "common/util.h"

#define DEPTH_MAX 32
#define CONTAINERS_MAX 10000 /* a thousand files of a share need a thousand objects, ... */
#define VALUES_MAX 50000     /* ... and five thousand values */

const struct json_rules koodrive_json_rules = {
        .depth = DEPTH_MAX,
        .containers = CONTAINERS_MAX,
        .values = VALUES_MAX,
        .repair = true,
};

json_tokener *koodrive_tokener_new(void) {
        return json_tokener_new_ex(DEPTH_MAX + 1);
}

json_object *body_parse(const struct http_answer *http, json_tokener *tokener,
                        char fault[JSON_FAULT_MAX]) {
        json_object *root = NULL;
        int r;

        if (http->body_length > KOODRIVE_ANSWER_MAX)
                r = -EFBIG;
        else
                r = json_read(http->body, http->body_length, &koodrive_json_rules, tokener, &root,
                              fault);
        if (r < 0 && r != -EBADMSG)
                (void) snprintf(fault, JSON_FAULT_MAX, "%s", strerror(-r));
        if (r == 0 && !json_object_is_type(root, json_type_object)) {
                (void) snprintf(fault, JSON_FAULT_MAX, "it is not an object");
                json_object_put(STEAL_PTR(root));
        }
        return root;
}

bool body_is_json_type(const struct http_answer *http) {
        const char *type = http_header(http, "Content-Type");

        return type ? strcasestr(type, "json") != NULL
                    : http->body_length > 0 && http->body[0] == '{';
}

static bool is_page(const struct http_answer *http) {
        const char *type = http_header(http, "Content-Type");
        size_t n = 0;

        while (n < http->body_length && isspace((unsigned char) http->body[n]))
                n++;
        return (n < http->body_length && http->body[n] == '<') ||
               (type && strncasecmp(type, "text/html", 9) == 0);
}

/* CloudWAF names itself, also where it lets an answer pass. */
static bool is_firewall(const struct http_answer *http) {
        const char *server = http_header(http, "Server");

        return server && strcasestr(server, "CloudWAF");
}

enum koodrive_body body_kind(const struct http_answer *http, json_object *root) {
        static const char *const members[] = {"code",      "msg",     "error_code", "error_msg",
                                              "errorCode", "jobInfo", "taskInfo",   "data"};

        if (!root)
                return is_firewall(http) ? KOODRIVE_BODY_FIREWALL
                       : is_page(http)   ? KOODRIVE_BODY_PAGE
                                         : KOODRIVE_BODY_OTHER;
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
                if (json_object_object_get_ex(root, members[i], NULL))
                        return KOODRIVE_BODY_JSON;
        return json_get_object(root, "error") ? KOODRIVE_BODY_JSON : KOODRIVE_BODY_FOREIGN_JSON;
}
