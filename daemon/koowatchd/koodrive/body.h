#pragma once
/*
 * The body of an answer: its JSON, and whose it looks like
 *
 * Pure. What is neither KooDrive's nor its gateway's comes of whatever stands in front of them.
 */
#include <json-c/json.h>
#include <stdbool.h>

#include "common/json.h"
#include "koowatchd/koodrive/class.h"
#include "koowatchd/loop/http-answer.h"

#define KOODRIVE_ANSWER_MAX (1024 * 1024)

/* The limits that answers are read with. */
extern const struct json_rules koodrive_json_rules;

/* A tokener with the limits that answers are read with. NULL when memory is short. */
json_tokener *koodrive_tokener_new(void);

/*
 * The body as an object, which the caller owns. NULL: it is none, and fault says why. tokener:
 * of koodrive_tokener_new(), or NULL.
 */
json_object *body_parse(const struct http_answer *http, json_tokener *tokener,
                        char fault[JSON_FAULT_MAX]);

/* root is what body_parse() has returned. */
enum koodrive_body body_kind(const struct http_answer *http, json_object *root);

/* Whether it is meant to be JSON: by its Content-Type, or without one by its first byte. */
bool body_is_json_type(const struct http_answer *http);
